package android.media;

import android.view.Surface;
import java.io.IOException;
import java.nio.ByteBuffer;

public final class MediaCodec {
    public static final int INFO_OUTPUT_FORMAT_CHANGED = -2;
    public static final int BUFFER_FLAG_END_OF_STREAM = 4;

    public static final class BufferInfo {
        public int flags;
        public int offset;
        public long presentationTimeUs;
        public int size;
    }

    private MediaCodec() { }

    public static MediaCodec createDecoderByType(String type) throws IOException { throw new UnsupportedOperationException(); }

    public void configure(MediaFormat format, Surface surface, MediaCrypto crypto, int flags) { }

    public void start() { }

    public int dequeueInputBuffer(long timeoutUs) { throw new UnsupportedOperationException(); }

    public ByteBuffer getInputBuffer(int index) { throw new UnsupportedOperationException(); }

    public void queueInputBuffer(int index, int offset, int size, long presentationTimeUs, int flags) { }

    public int dequeueOutputBuffer(BufferInfo info, long timeoutUs) { throw new UnsupportedOperationException(); }

    public MediaFormat getOutputFormat() { throw new UnsupportedOperationException(); }

    public ByteBuffer getOutputBuffer(int index) { throw new UnsupportedOperationException(); }

    public void releaseOutputBuffer(int index, boolean render) { }

    public void release() { }
}
