package android.view;

import android.graphics.Insets;

public final class WindowInsets {
    private final Insets all;

    private WindowInsets(Insets all) { this.all = all; }

    public static WindowInsets standInOf(Insets all) { return new WindowInsets(all); }

    public Insets getInsets(int typeMask) { return all; }

    public int getSystemWindowInsetLeft() { return all.left; }

    public int getSystemWindowInsetTop() { return all.top; }

    public int getSystemWindowInsetRight() { return all.right; }

    public int getSystemWindowInsetBottom() { return all.bottom; }

    public static final class Type {
        public static int systemBars() { return 7; }

        public static int displayCutout() { return 128; }
    }
}
