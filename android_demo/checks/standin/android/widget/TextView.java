package android.widget;

import android.content.Context;
import android.graphics.Canvas;
import android.graphics.Paint;
import android.graphics.Typeface;
import android.text.TextPaint;
import android.util.AttributeSet;
import android.view.View;
import java.util.ArrayList;
import java.util.List;

/** Plain text, broken at spaces. */
public class TextView extends View {
    public final TextPaint standInPaint = new TextPaint();
    public boolean standInCentred;
    public final List<String> standInTexts = new ArrayList<>(); // all that were set: a live region speaks each
    private CharSequence text = "";
    private List<String> lines = new ArrayList<>();

    public TextView(Context context) { super(context); }

    public TextView(Context context, AttributeSet attrs) { super(context, attrs); }

    public TextPaint getPaint() { return standInPaint; }

    public float getTextSize() { return standInPaint.getTextSize(); }

    public void setTextSize(int unit, float size) {
        if (unit != android.util.TypedValue.COMPLEX_UNIT_PX) throw new UnsupportedOperationException();
        standInPaint.setTextSize(size);
    }

    public CharSequence getText() { return text; }

    public final void setText(CharSequence text) {
        this.text = text;
        standInTexts.add(text.toString());
    }

    @Override protected void onMeasure(int widthMeasureSpec, int heightMeasureSpec) {
        int width = MeasureSpec.getSize(widthMeasureSpec);
        lines = broken(width - getPaddingLeft() - getPaddingRight());
        float high = lines.size() * standInPaint.getFontSpacing() + getPaddingTop() + getPaddingBottom();
        setMeasuredDimension(width, getDefaultSize(Math.max(standInMinHeight, (int) Math.ceil(high)), heightMeasureSpec));
    }

    private List<String> broken(int width) {
        List<String> made = new ArrayList<>();
        for (String paragraph : text.toString().split("\n", -1)) {
            StringBuilder line = new StringBuilder();
            for (String word : paragraph.split(" ")) {
                String longer = line.length() == 0 ? word : line + " " + word;
                if (line.length() > 0 && standInPaint.measureText(longer) > width) {
                    made.add(line.toString());
                    line = new StringBuilder(word);
                } else {
                    line = new StringBuilder(longer);
                }
            }
            made.add(line.toString());
        }
        return made;
    }

    @Override protected void onDraw(Canvas canvas) {
        float spacing = standInPaint.getFontSpacing();
        float room = getHeight() - getPaddingTop() - getPaddingBottom() - lines.size() * spacing;
        float y = getPaddingTop() + (standInCentred ? room / 2 : 0) - standInPaint.ascent();
        standInPaint.setTextAlign(standInCentred ? Paint.Align.CENTER : Paint.Align.LEFT);
        for (String line : lines) {
            canvas.drawText(line, standInCentred ? getWidth() / 2f : getPaddingLeft(), y, standInPaint);
            y += spacing;
        }
    }
}
