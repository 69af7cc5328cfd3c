package org.serkeras.demo

import android.annotation.SuppressLint
import android.media.AudioFormat
import android.media.AudioRecord
import android.media.MediaRecorder
import org.serkeras.demo.core.Microphone
import org.serkeras.demo.core.MicrophoneException
import org.serkeras.demo.core.MicrophoneTrouble
import org.serkeras.demo.core.PatientSource
import org.serkeras.demo.core.Resampler
import org.serkeras.demo.core.SampleSource

/**
 * The phone's microphone. VOICE_RECOGNITION is the source that phones process least: no automatic gain, which would
 * take away how loud a voice is.
 */
class MicrophoneRecorder(private val sampleRate: Int) : Microphone {
    @Volatile
    private var record: AudioRecord? = null

    @Volatile
    private var interrupted = false
    private lateinit var source: SampleSource

    override fun open() {
        // 16 kHz is there on nearly every phone; only 44.1 kHz is promised
        val opened = intArrayOf(sampleRate, 48000, 44100).distinct().firstNotNullOfOrNull(::prepare)
        val made = opened ?: throw MicrophoneException(MicrophoneTrouble.BUSY)
        record = made
        try {
            made.startRecording()
        } catch (e: IllegalStateException) {
            throw MicrophoneException(MicrophoneTrouble.BUSY)
        }
        if (made.recordingState != AudioRecord.RECORDSTATE_RECORDING && !interrupted) {
            throw MicrophoneException(MicrophoneTrouble.BUSY)
        }
        val raw = PatientSource(Recorded(made), { interrupted })
        source = if (made.sampleRate == sampleRate) raw else Resampler(raw, sampleRate)
    }

    override fun read(into: FloatArray): Int = source.read(into)

    override fun interrupt() {
        interrupted = true
        try {
            record?.stop()
        } catch (e: IllegalStateException) {
            // it never started, or is released already: nothing waits in read
        }
    }

    override fun close() {
        record?.release()
        record = null
    }

    @SuppressLint("MissingPermission") // the Activity asks before it starts a session
    private fun prepare(rate: Int): AudioRecord? {
        val channel = AudioFormat.CHANNEL_IN_MONO
        val encoding = AudioFormat.ENCODING_PCM_16BIT
        val smallest = AudioRecord.getMinBufferSize(rate, channel, encoding)
        if (smallest <= 0) return null
        val bytes = maxOf(smallest, rate) // half a second: a slow phone loses nothing
        val made = try {
            AudioRecord(MediaRecorder.AudioSource.VOICE_RECOGNITION, rate, channel, encoding, bytes)
        } catch (e: IllegalArgumentException) {
            return null
        } catch (e: SecurityException) {
            throw MicrophoneException(MicrophoneTrouble.BUSY)
        }
        if (made.state == AudioRecord.STATE_INITIALIZED) return made
        made.release()
        return null
    }

    private inner class Recorded(private val from: AudioRecord) : SampleSource {
        private var shorts = ShortArray(0)
        override val sampleRate = from.sampleRate

        override fun read(into: FloatArray): Int {
            // 40 ms at a time: a larger request would wait until it is filled, and the level meter with it
            val wanted = minOf(into.size, sampleRate / 25)
            if (shorts.size < wanted) shorts = ShortArray(wanted)
            val count = from.read(shorts, 0, wanted)
            if (interrupted) return 0
            if (count < 0) throw MicrophoneException(MicrophoneTrouble.LOST)
            for (i in 0 until count) into[i] = shorts[i] / 32768f
            return count
        }

        override fun close() = Unit // the recorder itself is released by the microphone
    }
}
