package android.graphics;

import java.awt.Graphics2D;
import java.awt.geom.Rectangle2D;
import java.awt.geom.RoundRectangle2D;

/** Draws into a picture of the JVM. */
public class Canvas {
    public final Graphics2D standInGraphics;

    public Canvas() { this(null); }

    private Canvas(Graphics2D graphics) { standInGraphics = graphics; }

    public static Canvas standInOn(Graphics2D graphics) { return new Canvas(graphics); }

    public void drawRect(float left, float top, float right, float bottom, Paint paint) {
        standInGraphics.setColor(paint.standInColor());
        standInGraphics.fill(new Rectangle2D.Float(left, top, right - left, bottom - top));
    }

    public void drawRoundRect(float left, float top, float right, float bottom, float rx, float ry, Paint paint) {
        standInGraphics.setColor(paint.standInColor());
        standInGraphics.fill(new RoundRectangle2D.Float(left, top, right - left, bottom - top, 2 * rx, 2 * ry));
    }

    public void drawText(String text, float x, float y, Paint paint) {
        float width = paint.measureText(text);
        float shift = paint.getTextAlign() == Paint.Align.RIGHT ? width : paint.getTextAlign() == Paint.Align.CENTER ? width / 2 : 0;
        standInGraphics.setColor(paint.standInColor());
        standInGraphics.setFont(paint.standInFont());
        standInGraphics.drawString(text, x - shift, y);
    }
}
