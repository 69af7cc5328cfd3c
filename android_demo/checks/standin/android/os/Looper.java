package android.os;

import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** The main thread's queue, which a test works off itself. */
public final class Looper {
    private static final Looper MAIN = new Looper();
    public final LinkedBlockingQueue<Runnable> standInQueue = new LinkedBlockingQueue<>();

    public static Looper getMainLooper() { return MAIN; }

    /** Run the next task, if one comes within a while. */
    public boolean standInRun(long milliseconds) throws InterruptedException {
        Runnable next = standInQueue.poll(milliseconds, TimeUnit.MILLISECONDS);
        if (next != null) next.run();
        return next != null;
    }
}
