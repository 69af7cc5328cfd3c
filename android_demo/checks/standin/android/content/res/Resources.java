package android.content.res;

import android.util.DisplayMetrics;

/** Strings and colours from the app's own XML files, for one configuration. */
public class Resources {
    public static Resources standInCurrent;
    public final standin.Values standInValues;
    private final DisplayMetrics metrics = new DisplayMetrics();

    private Resources(standin.Values values, float density, float fontScale) {
        standInValues = values;
        metrics.density = density;
        metrics.scaledDensity = density * fontScale;
    }

    public static Resources standInMake(standin.Values values, float density, float fontScale) {
        return new Resources(values, density, fontScale);
    }

    public DisplayMetrics getDisplayMetrics() { return metrics; }

    public String getString(int id) { return standInValues.string(id); }

    public String getString(int id, Object... formatArgs) {
        return String.format(java.util.Locale.US, standInValues.string(id), formatArgs);
    }

    public String[] getStringArray(int id) { return standInValues.strings(id); }

    public int getColor(int id, Theme theme) { return standInValues.color(id); }

    public final class Theme {
        private Theme() { }
    }
}
