package android.text.style;

public class StyleSpan {
    public final int standInValue;

    public StyleSpan(int style) { standInValue = style; }
}
