package standin;

import android.content.Context;
import android.graphics.Typeface;
import android.util.AttributeSet;
import android.util.DisplayMetrics;
import android.view.View;
import android.view.ViewGroup;
import android.widget.Button;
import android.widget.LinearLayout;
import android.widget.TextView;
import org.w3c.dom.Element;
import org.w3c.dom.Node;

/** Makes views from a layout file. An attribute that it doesn't know is an error, so that no picture leaves one out. */
public final class Inflater {
    private final Context context;
    private final Values values;
    private final DisplayMetrics metrics;

    private Inflater(Context context) {
        this.context = context;
        values = context.getResources().standInValues;
        metrics = context.getResources().getDisplayMetrics();
    }

    public static View inflate(Context context, int layout) {
        Inflater inflater = new Inflater(context);
        return inflater.make(inflater.values.layout(Values.name("layout", layout)).getDocumentElement());
    }

    private View make(Element element) {
        String name = element.getTagName();
        View view;
        try {
            Class<?> type = Class.forName(name.contains(".") ? name : "android.widget." + name);
            view = (View) type.getConstructor(Context.class, AttributeSet.class).newInstance(context, null);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("can't make " + name, e);
        }
        if (view instanceof Button) {
            ((Button) view).standInTint = values.color("@color/track");
            ((Button) view).standInPaint.setColor(values.color("@color/text"));
        }
        for (int i = 0; i < element.getAttributes().getLength(); i++) {
            Node attribute = element.getAttributes().item(i);
            if (attribute.getNodeName().startsWith("android:")) set(view, attribute.getNodeName().substring(8), attribute.getNodeValue());
        }
        if (view instanceof ViewGroup) fill((ViewGroup) view, element);
        return view;
    }

    private void fill(ViewGroup group, Element element) {
        for (Node node = element.getFirstChild(); node != null; node = node.getNextSibling()) {
            if (!(node instanceof Element)) continue;
            if (node.getNodeName().equals("include")) {
                String layout = ((Element) node).getAttribute("layout").replace("@layout/", "");
                fill(group, values.layout(layout).getDocumentElement()); // all of ours are <merge>
            } else {
                group.addView(make((Element) node));
            }
        }
    }

    private void set(View view, String name, String value) {
        switch (name) {
            case "id": view.standInId = id(value.substring(value.indexOf('/') + 1)); break;
            case "layout_width": view.standInWidth = size(value); break;
            case "layout_height": view.standInHeight = size(value); break;
            case "layout_weight": view.standInWeight = Float.parseFloat(value); break;
            case "layout_marginTop": view.standInMargins[1] = size(value); break;
            case "layout_marginBottom": view.standInMargins[3] = size(value); break;
            case "padding": view.setPadding(size(value), size(value), size(value), size(value)); break;
            case "minHeight": view.standInMinHeight = size(value); break;
            case "background": view.standInBackground = values.color(value); break;
            case "visibility": view.setVisibility(value.equals("gone") ? View.GONE : View.INVISIBLE); break;
            case "enabled": view.setEnabled(Boolean.parseBoolean(value)); break;
            case "contentDescription": view.setContentDescription(values.text(value)); break;
            case "orientation": ((LinearLayout) view).standInVertical = value.equals("vertical"); break;
            case "text": ((TextView) view).setText(values.text(value)); break;
            case "textColor": ((TextView) view).standInPaint.setColor(values.color(value)); break;
            case "textSize": ((TextView) view).standInPaint.setTextSize(size(value)); break;
            case "textStyle": ((TextView) view).standInPaint.setTypeface(Typeface.DEFAULT_BOLD); break; // of ours all are bold
            case "gravity": ((TextView) view).standInCentred = value.equals("center_horizontal"); break;
            case "backgroundTint": ((Button) view).standInTint = values.color(value); break;
            case "clipToPadding", "fillViewport", "baselineAligned", "accessibilityLiveRegion", "importantForAccessibility": break;
            default: throw new IllegalArgumentException("the stand-in doesn't know android:" + name);
        }
    }

    private int size(String value) {
        if (value.equals("match_parent")) return -1;
        if (value.equals("wrap_content")) return -2;
        float number = Float.parseFloat(value.substring(0, value.length() - 2));
        return Math.round(number * (value.endsWith("sp") ? metrics.scaledDensity : metrics.density));
    }

    private static int id(String name) {
        try {
            return Class.forName("org.serkeras.demo.R$id").getField(name).getInt(null);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }
}
