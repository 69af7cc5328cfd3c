package android.widget;

import android.content.Context;
import android.util.AttributeSet;

/** What doesn't fit is below the edge; nothing scrolls in a picture. */
public class ScrollView extends FrameLayout {
    public ScrollView(Context context) { super(context); }

    public ScrollView(Context context, AttributeSet attrs) { super(context, attrs); }

    /** How high it would have to be to show everything. */
    public int standInContentHeight() {
        return standInChildren.get(0).getMeasuredHeight() + getPaddingTop() + getPaddingBottom();
    }
}
