package org.serkeras.demo

import java.io.File
import org.json.JSONArray
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.serkeras.demo.core.Classifier
import org.serkeras.demo.core.Resampler
import org.serkeras.demo.core.WavReader
import org.serkeras.demo.core.classifyFile
import org.serkeras.demo.core.shippedBundle

/** Files of many rates, depths and channels, and from pipes: the app says what `ser-keras predict` says (`checks/sound_files.py`). */
class FilesTest {
    private val folder = File(System.getProperty("files"))

    private fun assertClose(what: String, expected: JSONArray, found: FloatArray, tolerance: Double) =
        found.indices.forEach { assertEquals("$what, class $it", expected.getDouble(it), found[it].toDouble(), tolerance) }

    private fun check(entry: JSONObject, classifier: Classifier) {
        val name = entry.getString("file")
        val tolerance = entry.getDouble("tolerance")
        val settings = shippedBundle().settings
        val wav = WavReader(File(folder, name).inputStream())
        val source = if (wav.sampleRate == settings.sampleRate) wav else Resampler(wav, settings.sampleRate)
        val result = source.use { classifyFile(it, settings, classifier::probabilities)!! }
        val segments = entry.getJSONArray("segments")
        assertEquals(name, segments.length(), result.segments.size)
        assertEquals(name, entry.getDouble("seconds"), result.seconds, 1e-3)
        result.segments.forEachIndexed { i, segment ->
            val expected = segments.getJSONObject(i)
            assertEquals("$name, window $i", expected.getBoolean("speech"), segment.speech)
            if (segment.speech) assertClose("$name, window $i", expected.getJSONArray("probabilities"), segment.probabilities, tolerance)
        }
        assertClose(name, entry.getJSONArray("probabilities"), result.probabilities, tolerance)
    }

    @Test
    fun agreeWithPython() {
        val entries = JSONArray(File(folder, "expected.json").readText())
        val bundle = shippedBundle()
        Classifier(bundle.model(), bundle.settings).use { classifier ->
            for (i in 0 until entries.length()) check(entries.getJSONObject(i), classifier)
        }
        assertTrue(entries.length() >= 13)
    }
}
