package android.graphics;

public class Typeface {
    public static final int BOLD = 1;
    public static final Typeface DEFAULT = new Typeface(false);
    public static final Typeface DEFAULT_BOLD = new Typeface(true);
    public final boolean standInBold;

    private Typeface(boolean bold) { standInBold = bold; }
}
