package org.serkeras.demo.core

/** One window of a file or of the microphone's stream; seconds from its start. */
class Segment(val start: Double, val end: Double, val probabilities: FloatArray, val speech: Boolean)

/**
 * What the model says of a file, as `ser_keras.runtime.model.Result`.
 *
 * @property probabilities mean over the windows that hold speech, or over all where none does.
 * @property speech false where no window is as loud as the gate: the emotion then says little.
 */
class FileResult(val segments: List<Segment>, val probabilities: FloatArray, val speech: Boolean) {
    val seconds get() = segments.last().end
}

/**
 * Classify audio of any length in bounded memory.
 *
 * @param source samples at the model's rate; not closed.
 * @param classify window -> probabilities.
 * @param cancelled asked once a block; true ends it.
 * @return null where it was cancelled.
 * @throws AudioFileException less than 10 ms of audio, or what the source throws.
 */
fun classifyFile(
    source: SampleSource,
    settings: ModelSettings,
    classify: (FloatArray) -> FloatArray,
    cancelled: () -> Boolean = { false },
): FileResult? {
    val rate = settings.sampleRate.toDouble()
    val windows = FileWindows(settings.windowSamples, settings.hopSamples, settings.tailRule)
    val segments = mutableListOf<Segment>()
    val use = { start: Long, length: Int, window: FloatArray ->
        val speech = isSpeech(window, settings.speechGateDbfs)
        segments += Segment(start / rate, (start + length) / rate, classify(window), speech)
    }
    val block = FloatArray(settings.sampleRate)
    var total = 0L
    while (true) {
        if (cancelled()) return null
        val count = source.read(block)
        if (count == 0) break
        total += count
        windows.add(block, count, use)
    }
    if (total < settings.sampleRate / 100) throw AudioFileException("holds less than 10 ms of audio")
    windows.finish(use)
    val speech = segments.any { it.speech }
    val counted = segments.filter { it.speech || !speech }
    val mean = FloatArray(settings.classes.size) { c -> counted.map { it.probabilities[c].toDouble() }.average().toFloat() }
    return FileResult(segments, mean, speech)
}
