package android.content;

import android.content.pm.PackageManager;
import android.content.res.AssetManager;
import android.content.res.Resources;

public class ContextWrapper extends Context {
    public static boolean standInAllowed;
    private final AssetManager assets = new AssetManager();
    private final ContentResolver resolver = new ContentResolver(this);

    public ContextWrapper(Context base) { }

    @Override public AssetManager getAssets() { return assets; }

    @Override public Resources getResources() { return Resources.standInCurrent; }

    @Override public ContentResolver getContentResolver() { return resolver; }

    @Override public Context getApplicationContext() { return this; }

    @Override public String getPackageName() { return "org.serkeras.demo"; }

    @Override public int checkSelfPermission(String permission) {
        return standInAllowed ? PackageManager.PERMISSION_GRANTED : PackageManager.PERMISSION_DENIED;
    }

    @Override public void startActivity(Intent intent) { }
}
