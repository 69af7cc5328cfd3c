package org.serkeras.demo.core

import java.util.concurrent.Executor
import java.util.concurrent.atomic.AtomicBoolean

/** Why there is no sound from the microphone. */
enum class MicrophoneTrouble {
    /** Another app has it, or the system refuses it. */
    BUSY,

    /** It was there and is gone: a headset was pulled, the audio service died. */
    LOST,
}

class MicrophoneException(val trouble: MicrophoneTrouble) : Exception(trouble.name)

/** A microphone at the model's rate. `open`, `read` and `close` are called by one thread, `interrupt` by any. */
interface Microphone {
    /** @throws MicrophoneException it can't be had. */
    fun open()

    /** Waits for samples in [-1, 1]; returns how many, 0 after `interrupt`. @throws MicrophoneException it is lost. */
    fun read(into: FloatArray): Int

    /** Makes a waiting `read` return. */
    fun interrupt()

    /** Releases it; also after a failed `open`. */
    fun close()
}

/** One window of the stream, classified. */
class LiveWindow(val segment: Segment, val milliseconds: Double, val dropped: Long)

/**
 * From the microphone to probabilities: one thread captures into a ring buffer, [worker] classifies the newest window.
 * While one is computed no second one waits: what passed meanwhile is dropped, so that the display is never late.
 *
 * @param worker runs one task at a time.
 * @param classify window -> probabilities and milliseconds; called by [worker] alone.
 * @param listener called by both threads.
 */
class LiveSession(
    private val microphone: Microphone,
    private val settings: ModelSettings,
    private val worker: Executor,
    private val classify: (FloatArray) -> Pair<FloatArray, Double>,
    private val listener: Listener,
) {
    interface Listener {
        /** [digitalZero]: nothing but zeros for a second: the system mutes the microphone for this app. */
        fun onLevel(dbfs: Double, digitalZero: Boolean)

        fun onWindow(window: LiveWindow)

        fun onTrouble(trouble: MicrophoneTrouble)
    }

    private val ring = RingBuffer(2 * settings.windowSamples + settings.hopSamples)
    private val windows = LiveWindows(settings.windowSamples, settings.hopSamples)
    private val busy = AtomicBoolean(false)
    private val stopped = AtomicBoolean(false)
    private val thread = Thread(::capture, "capture")

    fun start() = thread.start()

    /** Ends it and waits until the microphone is released, [waitMilliseconds] at most. */
    fun stop(waitMilliseconds: Long = 1000) {
        stopped.set(true)
        microphone.interrupt()
        if (Thread.currentThread() !== thread) thread.join(waitMilliseconds)
    }

    private fun capture() {
        val block = FloatArray(settings.sampleRate / BLOCKS_PER_SECOND)
        var zeros = 0
        try {
            microphone.open()
            while (!stopped.get()) {
                val count = microphone.read(block)
                if (count == 0 || stopped.get()) continue
                ring.write(block, count)
                zeros = if ((0 until count).all { block[it] == 0f }) zeros + count else 0
                listener.onLevel(levelDbfs(block, count), zeros >= settings.sampleRate)
                if (busy.compareAndSet(false, true)) classifyNewest()
            }
        } catch (e: MicrophoneException) {
            if (!stopped.getAndSet(true)) listener.onTrouble(e.trouble)
        } finally {
            microphone.close()
        }
    }

    /** Called with `busy` set, which is cleared when the window is done or there is none. */
    private fun classifyNewest() {
        val start = windows.next(ring.total)
        val window = FloatArray(settings.windowSamples)
        if (start == null || !ring.copy(start, window)) {
            busy.set(false)
            return
        }
        val dropped = windows.dropped
        worker.execute {
            try {
                if (!stopped.get()) {
                    val speech = isSpeech(window, settings.speechGateDbfs)
                    val (values, milliseconds) = classify(window)
                    val rate = settings.sampleRate.toDouble()
                    val segment = Segment(start / rate, (start + window.size) / rate, values, speech)
                    if (!stopped.get()) listener.onWindow(LiveWindow(segment, milliseconds, dropped))
                }
            } finally {
                busy.set(false)
            }
        }
    }

    private companion object {
        const val BLOCKS_PER_SECOND = 25 // the level meter moves that often
    }
}
