package org.serkeras.demo.core

import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlin.math.abs
import org.tensorflow.lite.Interpreter

/**
 * One model, ready to run: a window in, probabilities out. Not to be shared between threads.
 *
 * @param model bytes of the `.tflite` file, checked.
 * @param threads threads of the runtime; small models gain nothing from more than one.
 * @throws BundleException the runtime refuses the file, or its shapes aren't those of the settings.
 */
class Classifier(model: ByteArray, private val settings: ModelSettings, threads: Int = 1) : AutoCloseable {
    private val input = floats(settings.windowSamples)
    private val output = floats(settings.classes.size)
    private val interpreter: Interpreter

    /** Milliseconds that the last window took. */
    var lastMilliseconds = 0.0
        private set

    init {
        // The runtime reads the model in place: a direct buffer, which must live as long as the interpreter.
        val content = ByteBuffer.allocateDirect(model.size).order(ByteOrder.nativeOrder()).put(model)
        content.rewind()
        interpreter = try {
            Interpreter(content, Interpreter.Options().setNumThreads(threads))
        } catch (e: IllegalArgumentException) {
            throw BundleException("the runtime refuses the model: ${e.message}")
        }
        val takes = interpreter.getInputTensor(0).shape().toList()
        val gives = interpreter.getOutputTensor(0).shape().toList()
        if (takes != listOf(1, settings.windowSamples) || gives != listOf(1, settings.classes.size)) {
            interpreter.close()
            throw BundleException(
                "the model takes $takes and gives $gives; " +
                    "its bundle says ${settings.windowSamples} samples and ${settings.classes.size} classes",
            )
        }
    }

    /**
     * @param window [ModelSettings.windowSamples] samples in [-1, 1].
     * @return a probability a class; they sum to 1.
     */
    fun probabilities(window: FloatArray): FloatArray {
        require(window.size == settings.windowSamples) { "a window of ${window.size} samples" }
        val begin = System.nanoTime()
        input.rewind()
        input.asFloatBuffer().put(window)
        output.rewind()
        interpreter.run(input, output)
        output.rewind()
        val values = FloatArray(settings.classes.size).also { output.asFloatBuffer().get(it) }
        lastMilliseconds = (System.nanoTime() - begin) / 1e6
        return values
    }

    /** The largest difference from what the reference clip must give; the bundle says how much is right. */
    fun selfTest(reference: Reference): Double {
        val values = probabilities(reference.samples)
        return values.indices.maxOf { i ->
            abs(values[i] - reference.probabilities[i]).toDouble().let { if (it.isNaN()) Double.MAX_VALUE else it }
        }
    }

    override fun close() = interpreter.close()

    private fun floats(count: Int) = ByteBuffer.allocateDirect(4 * count).order(ByteOrder.nativeOrder())
}
