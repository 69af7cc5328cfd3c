package android.text.style;

public class TypefaceSpan {
    public final String standInValue;

    public TypefaceSpan(String family) { standInValue = family; }
}
