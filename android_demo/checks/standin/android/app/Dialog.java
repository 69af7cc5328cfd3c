package android.app;

import android.content.Context;
import android.content.DialogInterface;

public class Dialog implements DialogInterface {
    public boolean standInShowing;

    public Dialog(Context context) { }

    public boolean isShowing() { return standInShowing; }

    public void dismiss() { standInShowing = false; }

    public void cancel() { standInShowing = false; }
}
