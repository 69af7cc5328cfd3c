package android.view;

import android.content.Context;
import android.content.res.Resources;
import android.graphics.Canvas;
import android.util.AttributeSet;

/** Measured and placed as Android does it, in the little that this app's layouts use. */
public class View {
    public static final int VISIBLE = 0;
    public static final int INVISIBLE = 4;
    public static final int GONE = 8;

    // from the layout file: -1 fills the parent, -2 wraps the content, else pixels; margins are left, top, right, bottom
    public int standInId;
    public int standInWidth = -2;
    public int standInHeight = -2;
    public float standInWeight;
    public final int[] standInMargins = new int[4];
    public int standInMinHeight;
    public int standInBackground;
    public OnApplyWindowInsetsListener standInInsetsListener;
    public int standInLeft;
    public int standInTop;

    private final Context context;
    private final int[] padding = new int[4];
    private int visibility;
    private boolean enabled = true;
    private boolean keepScreenOn;
    private CharSequence description;
    private OnClickListener clicked;
    private int width;
    private int height;

    public static class MeasureSpec {
        public static final int UNSPECIFIED = 0;
        public static final int EXACTLY = 1 << 30;
        public static final int AT_MOST = 2 << 30;

        public static int makeMeasureSpec(int size, int mode) { return size | mode; }

        public static int getMode(int measureSpec) { return measureSpec & 3 << 30; }

        public static int getSize(int measureSpec) { return measureSpec & ~(3 << 30); }
    }

    public interface OnClickListener {
        void onClick(View v);
    }

    public interface OnApplyWindowInsetsListener {
        WindowInsets onApplyWindowInsets(View v, WindowInsets insets);
    }

    public View(Context context) { this(context, null); }

    public View(Context context, AttributeSet attrs) { this.context = context; }

    @SuppressWarnings("unchecked")
    public final <T extends View> T findViewById(int id) { return (T) standInFind(id); }

    public View standInFind(int id) { return id == standInId ? this : null; }

    public final Context getContext() { return context; }

    public Resources getResources() { return context.getResources(); }

    public int getVisibility() { return visibility; }

    public void setVisibility(int visibility) { this.visibility = visibility; }

    public boolean isEnabled() { return enabled; }

    public void setEnabled(boolean enabled) { this.enabled = enabled; }

    public boolean getKeepScreenOn() { return keepScreenOn; }

    public void setKeepScreenOn(boolean keepScreenOn) { this.keepScreenOn = keepScreenOn; }

    public CharSequence getContentDescription() { return description; }

    public void setContentDescription(CharSequence contentDescription) { description = contentDescription; }

    public void setOnClickListener(OnClickListener l) { clicked = l; }

    /** A tap; on a disabled view nothing happens. */
    public boolean performClick() {
        if (!enabled || visibility != VISIBLE || clicked == null) return false;
        clicked.onClick(this);
        return true;
    }

    public void setOnApplyWindowInsetsListener(OnApplyWindowInsetsListener l) { standInInsetsListener = l; }

    public void setPadding(int left, int top, int right, int bottom) {
        padding[0] = left;
        padding[1] = top;
        padding[2] = right;
        padding[3] = bottom;
    }

    public int getPaddingLeft() { return padding[0]; }

    public int getPaddingTop() { return padding[1]; }

    public int getPaddingRight() { return padding[2]; }

    public int getPaddingBottom() { return padding[3]; }

    public final int getWidth() { return width; }

    public final int getHeight() { return height; }

    public final int getMeasuredWidth() { return width; }

    public final int getMeasuredHeight() { return height; }

    public void invalidate() { }

    public void postInvalidateOnAnimation() { }

    public void requestLayout() { }

    public static int getDefaultSize(int size, int measureSpec) {
        return MeasureSpec.getMode(measureSpec) == MeasureSpec.UNSPECIFIED ? size : MeasureSpec.getSize(measureSpec);
    }

    public static int resolveSize(int size, int measureSpec) {
        int limit = MeasureSpec.getSize(measureSpec);
        switch (MeasureSpec.getMode(measureSpec)) {
            case MeasureSpec.EXACTLY: return limit;
            case MeasureSpec.AT_MOST: return Math.min(size, limit);
            default: return size;
        }
    }

    protected int getSuggestedMinimumWidth() { return 0; }

    protected final void setMeasuredDimension(int measuredWidth, int measuredHeight) {
        width = measuredWidth;
        height = measuredHeight;
    }

    public final void measure(int widthMeasureSpec, int heightMeasureSpec) { onMeasure(widthMeasureSpec, heightMeasureSpec); }

    protected void onMeasure(int widthMeasureSpec, int heightMeasureSpec) {
        setMeasuredDimension(getDefaultSize(0, widthMeasureSpec), getDefaultSize(standInMinHeight, heightMeasureSpec));
    }

    protected void onDraw(Canvas canvas) { }

    public void draw(Canvas canvas) {
        if (visibility != VISIBLE) return;
        if (standInBackground != 0) {
            android.graphics.Paint paint = new android.graphics.Paint();
            paint.setColor(standInBackground);
            canvas.drawRect(0, 0, width, height, paint);
        }
        onDraw(canvas);
    }
}
