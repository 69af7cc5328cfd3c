package android.app;

import android.content.Context;
import android.content.Intent;
import android.os.Bundle;
import android.view.ContextThemeWrapper;
import android.view.View;
import java.util.ArrayList;
import java.util.List;

public class Activity extends ContextThemeWrapper {
    public static final int RESULT_OK = -1;

    // what the tests look at, and what they decide
    public View standInContent;
    public Object standInRetained;
    public boolean standInChangingConfigurations;
    public boolean standInRationale;
    public final List<Intent> standInStarted = new ArrayList<>();
    public String[] standInAsked;

    public void setContentView(int layoutResID) { standInContent = standin.Inflater.inflate(this, layoutResID); }

    public <T extends View> T findViewById(int id) { return standInContent.findViewById(id); }

    public Object getLastNonConfigurationInstance() { return standInRetained; }

    public Object onRetainNonConfigurationInstance() { return null; }

    public boolean isChangingConfigurations() { return standInChangingConfigurations; }

    public final void requestPermissions(String[] permissions, int requestCode) { standInAsked = permissions; }

    public boolean shouldShowRequestPermissionRationale(String permission) { return standInRationale; }

    public void onRequestPermissionsResult(int requestCode, String[] permissions, int[] grantResults) { }

    public void startActivityForResult(Intent intent, int requestCode) { standInStarted.add(intent); }

    @Override public void startActivity(Intent intent) { standInStarted.add(intent); }

    protected void onActivityResult(int requestCode, int resultCode, Intent data) { }

    protected void onCreate(Bundle savedInstanceState) { }

    protected void onResume() { }

    protected void onStop() { }

    protected void onDestroy() { }

    protected void onSaveInstanceState(Bundle outState) { }

    /** The tests live outside this package and the lifecycle methods are protected. */
    public void standInLife(String step, Bundle state) {
        switch (step) {
            case "create": onCreate(state); break;
            case "resume": onResume(); break;
            case "stop": onStop(); break;
            case "save": onSaveInstanceState(state); break;
            case "destroy": onDestroy(); break;
            default: throw new IllegalArgumentException(step);
        }
    }

    public void standInResult(int requestCode, int resultCode, Intent data) {
        onActivityResult(requestCode, resultCode, data);
    }
}
