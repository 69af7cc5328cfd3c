package android.text;

import java.util.ArrayList;
import java.util.List;

public class SpannableStringBuilder implements Editable {
    public static final class StandInSpan {
        public final Object what;
        public final int start;
        public final int end;

        StandInSpan(Object what, int start, int end) {
            this.what = what;
            this.start = start;
            this.end = end;
        }
    }

    public final List<StandInSpan> standInSpans = new ArrayList<>();
    private final StringBuilder text;

    public SpannableStringBuilder(CharSequence text) { this.text = new StringBuilder(text); }

    public SpannableStringBuilder append(CharSequence text) { this.text.append(text); return this; }

    public SpannableStringBuilder append(CharSequence text, int start, int end) { this.text.append(text, start, end); return this; }

    public SpannableStringBuilder append(char text) { this.text.append(text); return this; }

    public void setSpan(Object what, int start, int end, int flags) { standInSpans.add(new StandInSpan(what, start, end)); }

    public int length() { return text.length(); }

    public char charAt(int where) { return text.charAt(where); }

    public CharSequence subSequence(int start, int end) { return text.subSequence(start, end); }

    @Override public String toString() { return text.toString(); }
}
