package org.serkeras.demo.core

/**
 * A recorder as a source that gives 0 only once it is interrupted: for a [Resampler] 0 is the end, while a recorder
 * may now and then have nothing.
 *
 * @param interrupted asked before every `read`.
 * @param pauseMilliseconds wait after a `read` that gave nothing.
 * @param patience as many of them in a row are a lost microphone.
 */
class PatientSource(
    private val source: SampleSource,
    private val interrupted: () -> Boolean,
    private val pauseMilliseconds: Long = 20,
    private val patience: Int = 100,
) : SampleSource {
    override val sampleRate get() = source.sampleRate

    /** @throws MicrophoneException it is lost. */
    override fun read(into: FloatArray): Int {
        repeat(patience) {
            if (interrupted()) return 0
            val count = source.read(into)
            if (count > 0) return count
            Thread.sleep(pauseMilliseconds)
        }
        if (interrupted()) return 0
        throw MicrophoneException(MicrophoneTrouble.LOST)
    }

    override fun close() = source.close()
}
