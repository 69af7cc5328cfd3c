package android.media;

/** A microphone that plays what a test puts in. */
public class AudioRecord {
    public static final int STATE_UNINITIALIZED = 0;
    public static final int STATE_INITIALIZED = 1;
    public static final int RECORDSTATE_STOPPED = 1;
    public static final int RECORDSTATE_RECORDING = 3;
    public static final int ERROR_DEAD_OBJECT = -6;

    /** Gives the microphone's samples at a rate; null: another app has it. */
    public interface StandInSound {
        short[] at(int sampleRate);
    }

    public static StandInSound standInSound;
    public static int standInOnlyRate; // 0: every rate is there
    public static int standInMilliseconds; // that a read takes
    public static int standInOpen; // recorders that nobody released
    public static int standInEmptyReads; // that give nothing, after the first second
    public static boolean standInDies; // after its sound, instead of silence

    private final int rate;
    private volatile boolean recording;
    private short[] sound;
    private int position;
    private int empty;
    private boolean released;

    public AudioRecord(int audioSource, int sampleRateInHz, int channelConfig, int audioFormat, int bufferSizeInBytes) {
        rate = sampleRateInHz;
        sound = standInSound == null ? null : standInSound.at(rate);
        standInOpen++;
    }

    public static int getMinBufferSize(int sampleRateInHz, int channelConfig, int audioFormat) {
        return standInOnlyRate == 0 || standInOnlyRate == sampleRateInHz ? sampleRateInHz / 10 : -2;
    }

    public int getState() { return sound == null ? STATE_UNINITIALIZED : STATE_INITIALIZED; }

    public int getSampleRate() { return rate; }

    public int getRecordingState() { return recording ? RECORDSTATE_RECORDING : RECORDSTATE_STOPPED; }

    public void startRecording() { recording = true; }

    public void stop() { recording = false; }

    public int read(short[] audioData, int offsetInShorts, int sizeInShorts) {
        if (!recording) return 0;
        if (position >= sound.length && standInDies) return ERROR_DEAD_OBJECT;
        try {
            Thread.sleep(standInMilliseconds);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        if (position >= rate && empty++ < standInEmptyReads) return 0;
        for (int i = 0; i < sizeInShorts; i++) {
            audioData[offsetInShorts + i] = position < sound.length ? sound[position] : (short) (i % 2);
            position++;
        }
        return sizeInShorts;
    }

    public void release() {
        if (!released) standInOpen--;
        released = true;
    }
}
