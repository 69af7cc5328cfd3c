package android.content;

import android.database.Cursor;
import android.net.Uri;
import java.io.FileInputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;

/** Files of this machine, by their paths. */
public class ContentResolver {
    public ContentResolver(Context context) { }

    /** What the app that has the files throws, whatever it is asked; null: it answers. */
    public static volatile RuntimeException standInFailure;
    /** What a file waits for before it opens; null: nothing. */
    public static volatile CountDownLatch standInWait;
    /** Name of the thread that asked last for a file's name. */
    public static volatile String standInAskedBy;
    public static final AtomicInteger standInOpen = new AtomicInteger();

    public final InputStream openInputStream(Uri uri) throws FileNotFoundException {
        if (standInFailure != null) throw standInFailure;
        CountDownLatch wait = standInWait;
        try {
            if (wait != null) wait.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        InputStream opened = new FileInputStream(uri.toString()) {
            private boolean closed;

            @Override public void close() throws IOException {
                super.close();
                if (!closed) standInOpen.decrementAndGet();
                closed = true;
            }
        };
        standInOpen.incrementAndGet();
        return opened;
    }

    public final Cursor query(Uri uri, String[] projection, String selection, String[] selectionArgs, String sortOrder) {
        standInAskedBy = Thread.currentThread().getName();
        if (standInFailure != null) throw standInFailure;
        return null;
    }
}
