package android.media;

public class MediaRecorder {
    private MediaRecorder() { }

    public final class AudioSource {
        private AudioSource() { }

        public static final int VOICE_RECOGNITION = 6;
    }
}
