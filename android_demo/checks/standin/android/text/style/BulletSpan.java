package android.text.style;

public class BulletSpan {
    public final int standInValue;

    public BulletSpan(int gapWidth) { standInValue = gapWidth; }
}
