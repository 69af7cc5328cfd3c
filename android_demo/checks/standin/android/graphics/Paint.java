package android.graphics;

import java.awt.Color;
import java.awt.Font;
import java.awt.font.FontRenderContext;
import java.awt.font.LineMetrics;

public class Paint {
    public static final int ANTI_ALIAS_FLAG = 1;
    private static final FontRenderContext CONTEXT = new FontRenderContext(null, true, true);
    private int color = 0xff000000;
    private float textSize = 12;
    private Typeface typeface = Typeface.DEFAULT;
    private Align align = Align.LEFT;

    public enum Align { LEFT, CENTER, RIGHT }

    public Paint() { }

    public Paint(int flags) { }

    public Paint(Paint paint) {
        color = paint.color;
        textSize = paint.textSize;
        typeface = paint.typeface;
        align = paint.align;
    }

    public void setColor(int color) { this.color = color; }

    public int getColor() { return color; }

    public void setAlpha(int a) { color = color & 0xffffff | a << 24; }

    public int getAlpha() { return color >>> 24; }

    public void setTextSize(float textSize) { this.textSize = textSize; }

    public float getTextSize() { return textSize; }

    public Typeface setTypeface(Typeface typeface) { return this.typeface = typeface; }

    public Typeface getTypeface() { return typeface; }

    public void setTextAlign(Align align) { this.align = align; }

    public Align getTextAlign() { return align; }

    public float measureText(String text) { return (float) standInFont().getStringBounds(text, CONTEXT).getWidth(); }

    public float ascent() { return -lines().getAscent(); }

    public float descent() { return lines().getDescent(); }

    public float getFontSpacing() { return lines().getHeight(); }

    public Font standInFont() {
        return new Font("SansSerif", typeface.standInBold ? Font.BOLD : Font.PLAIN, 1).deriveFont(textSize);
    }

    public Color standInColor() { return new Color(color, true); }

    private LineMetrics lines() { return standInFont().getLineMetrics("Ag", CONTEXT); }
}
