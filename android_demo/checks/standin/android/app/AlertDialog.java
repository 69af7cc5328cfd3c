package android.app;

import android.content.Context;
import android.content.DialogInterface;

public class AlertDialog extends Dialog {
    public static AlertDialog standInLast;
    public CharSequence standInTitle;
    public CharSequence standInMessage;
    public CharSequence standInButton;

    protected AlertDialog(Context context) { super(context); }

    public static class Builder {
        private final Context context;
        private final AlertDialog dialog;

        public Builder(Context context) {
            this.context = context;
            dialog = new AlertDialog(context);
        }

        public Builder setTitle(int titleId) { dialog.standInTitle = context.getString(titleId); return this; }

        public Builder setMessage(CharSequence message) { dialog.standInMessage = message; return this; }

        public Builder setPositiveButton(int textId, DialogInterface.OnClickListener listener) {
            dialog.standInButton = context.getString(textId);
            return this;
        }

        public AlertDialog show() {
            dialog.standInShowing = true;
            standInLast = dialog;
            return dialog;
        }
    }
}
