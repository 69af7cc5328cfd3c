package android.util;

public class TypedValue {
    public static final int COMPLEX_UNIT_PX = 0;
    public static final int COMPLEX_UNIT_SP = 2;

    public static float applyDimension(int unit, float value, DisplayMetrics metrics) {
        if (unit != COMPLEX_UNIT_SP) throw new UnsupportedOperationException();
        return value * metrics.scaledDensity;
    }
}
