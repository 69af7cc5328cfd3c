package android.widget;

import android.content.Context;
import android.graphics.Canvas;
import android.graphics.Paint;
import android.util.AttributeSet;

/** About as Material draws it: a filled box with 4 dp of air around. */
public class Button extends TextView {
    public int standInTint;

    public Button(Context context) { this(context, null); }

    public Button(Context context, AttributeSet attrs) {
        super(context, attrs);
        standInCentred = true;
        int air = Math.round(10 * getResources().getDisplayMetrics().density);
        setPadding(air, air, air, air);
    }

    @Override protected void onDraw(Canvas canvas) {
        float d = getResources().getDisplayMetrics().density;
        Paint box = new Paint();
        box.setColor(standInTint);
        if (!isEnabled()) box.setAlpha(100);
        canvas.drawRoundRect(4 * d, 6 * d, getWidth() - 4 * d, getHeight() - 6 * d, 2 * d, 2 * d, box);
        super.onDraw(canvas);
    }
}
