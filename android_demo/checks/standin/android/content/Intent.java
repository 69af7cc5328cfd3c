package android.content;

import android.net.Uri;

public class Intent {
    public static final String ACTION_OPEN_DOCUMENT = "android.intent.action.OPEN_DOCUMENT";
    public static final String CATEGORY_OPENABLE = "android.intent.category.OPENABLE";
    private final String action;
    private Uri data;

    public Intent(String action) { this.action = action; }

    public Intent(String action, Uri uri) { this.action = action; data = uri; }

    public Intent addCategory(String category) { return this; }

    public Intent setType(String type) { return this; }

    public String getAction() { return action; }

    public Uri getData() { return data; }
}
