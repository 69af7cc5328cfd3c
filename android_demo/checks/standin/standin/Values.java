package standin;

import java.io.File;
import java.util.HashMap;
import java.util.Map;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;

/** The app's strings, colours and layouts, read from its XML files as one configuration sees them. */
public final class Values {
    private final File res;
    private final boolean landscape;
    private final Map<String, String> strings = new HashMap<>();
    private final Map<String, String[]> arrays = new HashMap<>();
    private final Map<String, Integer> colors = new HashMap<>();

    public Values(File res, boolean night, boolean landscape) {
        this.res = res;
        this.landscape = landscape;
        read(new File(res, "values/strings.xml"));
        read(new File(res, "values/colors.xml"));
        if (night) read(new File(res, "values-night/colors.xml"));
    }

    public String string(int id) { return found(strings, "string", id); }

    public String[] strings(int id) { return found(arrays, "array", id); }

    public int color(int id) { return found(colors, "color", id); }

    public int color(String reference) {
        String name = reference.replace("@color/accent_button", "@color/accent").replace("@color/", "");
        if (!colors.containsKey(name)) throw new IllegalArgumentException("no color " + reference);
        return colors.get(name);
    }

    public String text(String value) { return value.startsWith("@string/") ? strings.get(value.substring(8)) : value; }

    Document layout(String name) {
        File turned = new File(res, "layout-land/" + name + ".xml");
        return parse(landscape && turned.exists() ? turned : new File(res, "layout/" + name + ".xml"));
    }

    /** The name of one of the app's resources. */
    static String name(String kind, int id) {
        try {
            for (java.lang.reflect.Field field : Class.forName("org.serkeras.demo.R$" + kind).getFields()) {
                if (field.getInt(null) == id) return field.getName();
            }
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
        throw new IllegalArgumentException("no " + kind + " with the id " + id);
    }

    private static <T> T found(Map<String, T> map, String kind, int id) { return map.get(name(kind, id)); }

    private void read(File file) {
        for (Node node = parse(file).getDocumentElement().getFirstChild(); node != null; node = node.getNextSibling()) {
            if (!(node instanceof Element)) continue;
            String name = ((Element) node).getAttribute("name");
            String text = node.getTextContent();
            if (node.getNodeName().equals("string")) strings.put(name, text.replace("\\'", "'"));
            if (node.getNodeName().equals("string-array")) arrays.put(name, text.trim().split("\\s*\\n\\s*"));
            if (node.getNodeName().equals("color")) colors.put(name, (int) Long.parseLong(text.substring(1), 16));
        }
    }

    private static Document parse(File file) {
        try {
            return DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(file);
        } catch (Exception e) {
            throw new IllegalStateException(file + ": " + e.getMessage(), e);
        }
    }
}
