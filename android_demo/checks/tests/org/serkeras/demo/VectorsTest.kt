package org.serkeras.demo

import java.io.File
import org.json.JSONArray
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Test
import org.serkeras.demo.core.Classifier
import org.serkeras.demo.core.FileWindows
import org.serkeras.demo.core.RunningBelief
import org.serkeras.demo.core.Samples
import org.serkeras.demo.core.TailRule
import org.serkeras.demo.core.bundleFolder
import org.serkeras.demo.core.classifyFile
import org.serkeras.demo.core.isSpeech
import org.serkeras.demo.core.levelDbfs
import org.serkeras.demo.core.shippedBundle

/** The bundle's `vectors.json`: what Python computes, this app computes too. */
class VectorsTest {
    private val vectors = JSONObject(File(bundleFolder, "vectors.json").readText())
    private val bundle = shippedBundle()
    private val clip = bundle.reference().samples

    private fun JSONArray.objects() = List(length()) { getJSONObject(it) }

    private fun JSONArray.floats() = FloatArray(length()) { getDouble(it).toFloat() }

    private fun rule(name: String) = TailRule.valueOf(name.uppercase())

    private fun signal(parts: JSONArray): FloatArray = parts.objects().flatMap { part ->
        val gain = part.getDouble("gain").toFloat()
        List(part.getInt("samples")) { clip[it % clip.size] * gain }
    }.toFloatArray()

    private fun assertClose(what: String, expected: FloatArray?, found: FloatArray?, tolerance: Float) {
        if (expected == null) return assertNull(what, found)
        expected.indices.forEach { assertEquals("$what, class $it", expected[it], found!![it], tolerance) }
    }

    @Test
    fun windowsBeginWherePythonsDo() {
        for (case in vectors.getJSONArray("windows").objects()) {
            val starts = mutableListOf<Long>()
            val take = { start: Long, _: Int, _: FloatArray -> starts += start }
            val tail = rule(case.getString("tail_rule"))
            val windows = FileWindows(case.getInt("window_samples"), case.getInt("hop_samples"), tail)
            val samples = FloatArray(case.getInt("samples"))
            windows.add(samples, samples.size, take)
            windows.finish(take)
            val expected = case.getJSONArray("starts")
            assertEquals("$case", List(expected.length()) { expected.getLong(it) }, starts)
        }
    }

    @Test
    fun theGateLetsThroughTheSameWindows() {
        val gate = vectors.getJSONObject("gate")
        val gates = gate.getJSONObject("speech_gate_dbfs")
        for (case in gate.getJSONArray("cases").objects()) {
            val window = signal(case.getJSONArray("signal"))
            assertEquals(case.getDouble("level_dbfs"), levelDbfs(window), gate.getDouble("tolerance_db"))
            for (name in gates.keys()) {
                val at = if (gates.isNull(name)) null else gates.getDouble(name)
                assertEquals("$case $name", case.getJSONObject("passes").getBoolean(name), isSpeech(window, at))
            }
        }
    }

    @Test
    fun theBeliefMovesInTheSameWay() {
        val part = vectors.getJSONObject("belief")
        for (case in part.getJSONArray("cases").objects()) {
            val smoothing = if (case.isNull("smoothing_s")) Double.POSITIVE_INFINITY else case.getDouble("smoothing_s")
            val belief = RunningBelief(case.getDouble("hop_s"), smoothing)
            val rows = case.getJSONArray("probabilities")
            val after = case.getJSONArray("beliefs")
            for (i in 0 until rows.length()) {
                val found = belief.update(rows.optJSONArray(i)?.floats())
                assertClose("smoothing $smoothing, window $i", after.optJSONArray(i)?.floats(), found, 1e-6f)
            }
        }
    }

    @Test
    fun wholeFilesComeToTheSame() {
        val stream = vectors.getJSONObject("stream")
        assertEquals(bundle.modelFile, stream.getString("model"))
        val tolerance = stream.getDouble("tolerance").toFloat()
        val settings = bundle.settings
        val hop = settings.hopSamples.toDouble() / settings.sampleRate
        Classifier(bundle.model(), settings).use { classifier ->
            for (case in stream.getJSONArray("cases").objects()) {
                val samples = signal(case.getJSONArray("signal"))
                val result = classifyFile(Samples(samples, settings.sampleRate), settings, classifier::probabilities)!!
                val windows = case.getJSONArray("windows").objects()
                assertEquals(windows.size, result.segments.size)
                val belief = RunningBelief(hop, settings.smoothingSeconds)
                windows.zip(result.segments).forEachIndexed { i, (expected, found) ->
                    assertEquals(expected.getInt("start") / 16000.0, found.start, 1e-9)
                    assertEquals(expected.getInt("end") / 16000.0, found.end, 1e-9)
                    assertEquals(expected.getBoolean("speech"), found.speech)
                    assertClose("window $i", expected.getJSONArray("probabilities").floats(), found.probabilities, tolerance)
                    val held = belief.update(found.probabilities.takeIf { found.speech })
                    assertClose("belief $i", expected.optJSONArray("belief")?.floats(), held, tolerance)
                }
                val whole = case.getJSONObject("file")
                assertEquals(whole.getBoolean("speech"), result.speech)
                assertClose("file", whole.getJSONArray("probabilities").floats(), result.probabilities, tolerance)
                val top = result.probabilities.indices.maxBy { result.probabilities[it] }
                assertEquals(whole.getString("emotion"), settings.classes[top])
            }
        }
    }
}
