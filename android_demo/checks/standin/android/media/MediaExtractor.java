package android.media;

import android.content.Context;
import android.net.Uri;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Map;

/** The JVM has none of a phone's decoders: every file is refused, as a phone refuses what it doesn't know. */
public final class MediaExtractor {
    public void setDataSource(Context context, Uri uri, Map<String, String> headers) throws IOException {
        throw new IOException("Failed to instantiate extractor.");
    }

    public final int getTrackCount() { throw new UnsupportedOperationException(); }

    public MediaFormat getTrackFormat(int index) { throw new UnsupportedOperationException(); }

    public void selectTrack(int index) { throw new UnsupportedOperationException(); }

    public int readSampleData(ByteBuffer byteBuf, int offset) { throw new UnsupportedOperationException(); }

    public long getSampleTime() { throw new UnsupportedOperationException(); }

    public boolean advance() { throw new UnsupportedOperationException(); }

    public final void release() { }
}
