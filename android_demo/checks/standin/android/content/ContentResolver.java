package android.content;

import android.database.Cursor;
import android.net.Uri;
import java.io.FileInputStream;
import java.io.FileNotFoundException;
import java.io.InputStream;

/** Files of this machine, by their paths. */
public class ContentResolver {
    public ContentResolver(Context context) { }

    public final InputStream openInputStream(Uri uri) throws FileNotFoundException {
        return new FileInputStream(uri.toString());
    }

    public final Cursor query(Uri uri, String[] projection, String selection, String[] selectionArgs, String sortOrder) {
        return null;
    }
}
