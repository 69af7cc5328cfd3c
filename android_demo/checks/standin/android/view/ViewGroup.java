package android.view;

import android.content.Context;
import android.graphics.Canvas;
import android.util.AttributeSet;
import java.awt.geom.AffineTransform;
import java.util.ArrayList;
import java.util.List;

public abstract class ViewGroup extends View {
    public final List<View> standInChildren = new ArrayList<>();

    public ViewGroup(Context context) { super(context); }

    public ViewGroup(Context context, AttributeSet attrs) { super(context, attrs); }

    public void addView(View child) { standInChildren.add(child); }

    public int getChildCount() { return standInChildren.size(); }

    public View getChildAt(int index) { return standInChildren.get(index); }

    @Override public View standInFind(int id) {
        View found = super.standInFind(id);
        for (View child : standInChildren) if (found == null) found = child.standInFind(id);
        return found;
    }

    @Override public void draw(Canvas canvas) {
        if (getVisibility() != VISIBLE) return;
        super.draw(canvas);
        for (View child : standInChildren) {
            if (child.getVisibility() == GONE) continue;
            AffineTransform before = canvas.standInGraphics.getTransform();
            canvas.standInGraphics.translate(child.standInLeft, child.standInTop);
            child.draw(canvas);
            canvas.standInGraphics.setTransform(before);
        }
    }

    /** Measure a child whose parent leaves it this much; width is always bounded, height may be endless (-1). */
    protected static void standInMeasure(View child, int availableWidth, int availableHeight) {
        int across = availableWidth - child.standInMargins[0] - child.standInMargins[2];
        int w = child.standInWidth == -1 ? MeasureSpec.makeMeasureSpec(across, MeasureSpec.EXACTLY)
            : child.standInWidth == -2 ? MeasureSpec.makeMeasureSpec(across, MeasureSpec.AT_MOST)
            : MeasureSpec.makeMeasureSpec(child.standInWidth, MeasureSpec.EXACTLY);
        int h = child.standInHeight >= 0 ? MeasureSpec.makeMeasureSpec(child.standInHeight, MeasureSpec.EXACTLY)
            : child.standInHeight == -1 && availableHeight >= 0 ? MeasureSpec.makeMeasureSpec(availableHeight, MeasureSpec.EXACTLY)
            : MeasureSpec.makeMeasureSpec(0, MeasureSpec.UNSPECIFIED);
        child.measure(w, h);
    }
}
