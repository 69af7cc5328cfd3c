package org.serkeras.demo

import kotlin.math.abs
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.serkeras.demo.core.BundleException
import org.serkeras.demo.core.Classifier
import org.serkeras.demo.core.Reference
import org.serkeras.demo.core.shippedBundle

/** The app's own classifier with the real model in LiteRT. */
class ClassifierTest {
    private val bundle = shippedBundle()
    private val classifier = Classifier(bundle.model(), bundle.settings)

    @After
    fun close() = classifier.close()

    @Test
    fun givesWhatPythonGives() {
        val reference = bundle.reference()
        val values = classifier.probabilities(reference.samples)
        // the same library as Python's, so far closer than the bundle asks of other processors
        for (i in values.indices) assertEquals(bundle.settings.classes[i], reference.probabilities[i], values[i], 1e-5f)
        assertEquals(1f, values.sum(), 1e-5f)
        assertTrue(classifier.lastMilliseconds > 0)
        assertTrue(classifier.selfTest(reference) < reference.tolerance)
    }

    @Test
    fun theSelfTestSeesAWrongAnswer() {
        val right = bundle.reference()
        val wrong = Reference(right.samples.copyOf().also { it.reverse() }, right.probabilities, right.tolerance)
        assertTrue(classifier.selfTest(wrong) > right.tolerance)
        val unequal = Reference(right.samples, right.probabilities.map { Float.NaN }.toFloatArray(), right.tolerance)
        assertTrue(classifier.selfTest(unequal) > right.tolerance)
    }

    @Test
    fun calledAgainAndAgainItStaysTheSame() {
        val reference = bundle.reference()
        val first = classifier.probabilities(reference.samples)
        classifier.probabilities(FloatArray(reference.samples.size))
        val again = classifier.probabilities(reference.samples)
        assertTrue(first.indices.all { abs(first[it] - again[it]) < 1e-7 })
    }

    @Test
    fun refusesAModelThatDoesntFitItsBundle() {
        val others = bundle.settings.copy(classes = listOf("one", "two"))
        val error = assertThrows(BundleException::class.java) { Classifier(bundle.model(), others) }
        assertTrue(error.message, error.message!!.contains("2 classes"))
        assertThrows(BundleException::class.java) { Classifier(ByteArray(1000), bundle.settings) }
        assertThrows(IllegalArgumentException::class.java) { classifier.probabilities(FloatArray(10)) }
    }
}
