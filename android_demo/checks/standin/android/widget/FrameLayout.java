package android.widget;

import android.content.Context;
import android.util.AttributeSet;
import android.view.View;
import android.view.ViewGroup;

public class FrameLayout extends ViewGroup {
    public FrameLayout(Context context) { super(context); }

    public FrameLayout(Context context, AttributeSet attrs) { super(context, attrs); }

    @Override protected void onMeasure(int widthMeasureSpec, int heightMeasureSpec) {
        int width = MeasureSpec.getSize(widthMeasureSpec);
        int highest = 0;
        for (View child : standInChildren) {
            standInMeasure(child, width - getPaddingLeft() - getPaddingRight(), -1);
            child.standInLeft = getPaddingLeft();
            child.standInTop = getPaddingTop();
            highest = Math.max(highest, child.getMeasuredHeight());
        }
        int wanted = highest + getPaddingTop() + getPaddingBottom();
        setMeasuredDimension(width, getDefaultSize(wanted, heightMeasureSpec));
    }
}
