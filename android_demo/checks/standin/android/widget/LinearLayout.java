package android.widget;

import android.content.Context;
import android.util.AttributeSet;
import android.view.View;
import android.view.ViewGroup;

public class LinearLayout extends ViewGroup {
    public boolean standInVertical;

    public LinearLayout(Context context) { super(context); }

    public LinearLayout(Context context, AttributeSet attrs) { super(context, attrs); }

    @Override protected void onMeasure(int widthMeasureSpec, int heightMeasureSpec) {
        int width = MeasureSpec.getSize(widthMeasureSpec);
        boolean bounded = MeasureSpec.getMode(heightMeasureSpec) == MeasureSpec.EXACTLY;
        int inside = bounded ? MeasureSpec.getSize(heightMeasureSpec) - getPaddingTop() - getPaddingBottom() : -1;
        int length = standInVertical ? stack(width) : row(width, inside);
        int wanted = length + getPaddingTop() + getPaddingBottom();
        setMeasuredDimension(width, bounded ? MeasureSpec.getSize(heightMeasureSpec) : wanted);
    }

    private int stack(int width) {
        int y = getPaddingTop();
        for (View child : standInChildren) {
            if (child.getVisibility() == GONE) continue;
            standInMeasure(child, width - getPaddingLeft() - getPaddingRight(), -1);
            child.standInLeft = getPaddingLeft() + child.standInMargins[0];
            child.standInTop = y + child.standInMargins[1];
            y = child.standInTop + child.getMeasuredHeight() + child.standInMargins[3];
        }
        return y - getPaddingTop();
    }

    /** Children share the width by their weights; those that fill the height are as high as the highest. */
    private int row(int width, int height) {
        float weights = 0;
        for (View child : standInChildren) weights += child.standInWeight;
        int x = getPaddingLeft();
        int highest = 0;
        for (int pass = 0; pass < 2; pass++) {
            x = getPaddingLeft();
            for (View child : standInChildren) {
                int share = Math.round((width - getPaddingLeft() - getPaddingRight()) * child.standInWeight / weights);
                int held = child.standInWidth;
                child.standInWidth = -1;
                standInMeasure(child, share, pass == 0 ? height : height >= 0 ? height : highest);
                child.standInWidth = held;
                child.standInLeft = x;
                child.standInTop = getPaddingTop();
                x += share;
                highest = Math.max(highest, child.getMeasuredHeight());
            }
        }
        return highest;
    }
}
