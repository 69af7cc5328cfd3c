package android.content;

import android.content.res.AssetManager;
import android.content.res.Resources;

public abstract class Context {
    public abstract AssetManager getAssets();

    public abstract Resources getResources();

    public abstract ContentResolver getContentResolver();

    public abstract Context getApplicationContext();

    public abstract String getPackageName();

    public abstract int checkSelfPermission(String permission);

    public abstract void startActivity(Intent intent);

    public final String getString(int resId) { return getResources().getString(resId); }

    public final String getString(int resId, Object... formatArgs) { return getResources().getString(resId, formatArgs); }

    public final int getColor(int id) { return getResources().getColor(id, null); }
}
