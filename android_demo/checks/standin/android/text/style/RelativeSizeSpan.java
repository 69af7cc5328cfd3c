package android.text.style;

public class RelativeSizeSpan {
    public final float standInValue;

    public RelativeSizeSpan(float proportion) { standInValue = proportion; }
}
