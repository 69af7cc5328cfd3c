package android.net;

public abstract class Uri {
    public abstract String getLastPathSegment();

    public abstract String toString();

    public static Uri fromParts(String scheme, String ssp, String fragment) { return parse(scheme + ":" + ssp); }

    public static Uri parse(String uriString) {
        return new Uri() {
            @Override public String getLastPathSegment() { return uriString.substring(uriString.lastIndexOf('/') + 1); }

            @Override public String toString() { return uriString; }
        };
    }
}
