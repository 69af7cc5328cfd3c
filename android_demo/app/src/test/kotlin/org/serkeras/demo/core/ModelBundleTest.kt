package org.serkeras.demo.core

import java.io.File
import java.io.FileNotFoundException
import org.json.JSONArray
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

/** The bundle that goes into the app; under Gradle tests run in the folder of the module. */
/** The bundle that ships with the package, whose name stands in its sources alone; the property names another. */
val bundleFolder = File(System.getProperty("bundle") ?: "../../ser_keras/pretrained/${shippedName()}")

private fun shippedName(): String {
    val source = File("../../ser_keras/runtime/bundle.py").readText()
    return Regex("^DEFAULT_MODEL = \"(\\w+)\"$", RegexOption.MULTILINE).find(source)!!.groupValues[1]
}

fun shippedBundle() = ModelBundle { File(bundleFolder, it).readBytes() }

class ModelBundleTest {
    private val files = bundleFolder.listFiles()!!.associate { it.name to it.readBytes() }.toMutableMap()

    private fun bundle() = ModelBundle { files[it] ?: throw FileNotFoundException(it) }

    private fun edit(change: (JSONObject) -> Unit) {
        val info = JSONObject(String(files.getValue("bundle.json")))
        change(info)
        files["bundle.json"] = info.toString().toByteArray()
    }

    private fun assertRefused(why: String, use: () -> Unit = { bundle() }) {
        val error = assertThrows(BundleException::class.java) { use() }
        assertTrue(error.message, error.message!!.contains(why))
        assertFalse(error.message!!.contains('\n'))
    }

    @Test
    fun readsWhatTheBundleSays() {
        val info = JSONObject(String(files.getValue("bundle.json")))
        val settings = bundle().settings
        assertEquals(info.getJSONArray("classes").length(), settings.classes.size)
        assertEquals(info.getInt("window_samples"), settings.windowSamples)
        assertEquals(info.getInt("hop_samples"), settings.hopSamples)
        assertEquals(16000, settings.sampleRate)
        assertEquals(info.getDouble("smoothing_s"), settings.smoothingSeconds, 0.0)
        assertEquals(info.getDouble("speech_gate_dbfs"), settings.speechGateDbfs!!, 0.0)
        assertTrue(bundle().facts.speakers > 0)
        assertTrue(bundle().card().startsWith("# "))
        assertEquals(1.0, bundle().reference().probabilities.sum().toDouble(), 1e-3)
    }

    @Test
    fun aBundleWithoutFiguresGateOrCorporaIsStillOne() {
        edit {
            it.put("speech_gate_dbfs", JSONObject.NULL)
            it.put("uar_estimate", JSONObject())
            it.remove("live")
            it.remove("created_from")
        }
        assertEquals(null, bundle().settings.speechGateDbfs)
        assertEquals(null, bundle().facts.live)
        assertEquals(null, bundle().facts.files)
        assertEquals(emptyList<String>(), bundle().facts.corpora)
    }

    /** An entry of `live` as `ser-keras export` writes it. */
    private fun heard(change: (JSONObject) -> Unit = {}): JSONObject {
        val entry = JSONObject().put("protocol", "final model on casia, heard live").put("leaky", false)
        entry.put("chosen_on", false).put("uar", 0.45).put("wa", 0.9)
        return entry.put("classes", JSONArray(listOf("anger", "happiness", "neutral", "sadness"))).also(change)
    }

    @Test
    fun whatWasHeardLiveIsOfPeopleThatItNeverHeardOrNothing() {
        val own = { protocol: String -> heard { it.put("protocol", "$protocol, heard live") } }
        val cases = listOf(
            "speaker_independent" to heard() to Reach(5, 4, false), // halves are rounded up, as in Python and JavaScript
            "speaker_independent" to heard { it.put("uar", 0.449) } to Reach(4, 4, false),
            "speaker_independent" to heard { it.put("chosen_on", true) } to Reach(5, 4, true),
            "speaker_independent" to own("speaker_independent") to Reach(5, 4, false),
            "speaker_dependent" to own("speaker_dependent") to null,
            "speaker_independent" to heard { it.put("leaky", true) } to null,
            "speaker_independent" to heard { it.put("uar", JSONObject.NULL) } to null,
            "speaker_independent" to JSONObject() to null,
        )
        for ((given, expected) in cases) {
            val (protocol, entry) = given
            edit { it.put("live", JSONArray().put(entry).put(heard { e -> e.put("uar", 1.0) })) }
            edit { it.getJSONObject("created_from").put("protocol", protocol) }
            assertEquals(expected, bundle().facts.live)
        }
        edit { it.put("live", JSONArray()) }
        assertEquals(null, bundle().facts.live)
    }

    @Test
    fun onFilesItIsTheShareOfRecordingsOfOtherSpeakersOrNothing() {
        edit { it.getJSONObject("uar_estimate").put(bundle().modelFile, JSONObject().put("uar", 0.9).put("wa", 0.849)) }
        val n = bundle().settings.classes.size
        val changes = mapOf<(JSONObject) -> Unit, Boolean>(
            { it: JSONObject -> it.put("protocol", "cross_corpus"); Unit } to true,
            { it: JSONObject -> it.put("protocol", "random_split"); Unit } to false,
            { it: JSONObject -> it.remove("protocol"); Unit } to false,
            { it: JSONObject -> it.put("protocol", "speaker_independent").put("leaky", true); Unit } to false,
        )
        for ((change, said) in changes) {
            edit { change(it.getJSONObject("created_from").put("leaky", false)) }
            assertEquals(if (said) Reach(8, n, false) else null, bundle().facts.files)
        }
    }

    @Test
    fun givesTheTermsThatItNames() {
        for (name in ModelBundle.TERMS) edit { it.getJSONObject("files").remove(name) }
        assertEquals("", bundle().terms())
        for (name in ModelBundle.TERMS) {
            files[name] = "# $name".toByteArray()
            edit { it.getJSONObject("files").put(name, JSONObject().put("sha256", ModelBundle.sha256(files.getValue(name)))) }
        }
        assertEquals("# LICENSE.md\n\n# NOTICE.md", bundle().terms())
        for (name in ModelBundle.TERMS) {
            val content = files.getValue(name)
            files[name] = "# Public domain".toByteArray()
            assertRefused("$name is damaged") { bundle().terms() }
            files.remove(name)
            assertRefused("lacks $name") { bundle().terms() }
            files[name] = content
        }
    }

    @Test
    fun refusesADamagedFile() {
        val name = bundle().modelFile
        files[name] = files.getValue(name).copyOf().also { it[it.size / 2] = (it[it.size / 2] + 1).toByte() }
        assertRefused("$name is damaged") { bundle().model() }
        files.remove("reference.wav")
        assertRefused("lacks reference.wav") { bundle().reference() }
    }

    @Test
    fun refusesSettingsThatItCantWorkWith() {
        val good = files.getValue("bundle.json")
        val cases = mapOf<String, (JSONObject) -> Unit>(
            "schema version 99" to { it.put("schema_version", 99) },
            "sample_rate is 8000" to { it.put("sample_rate", 8000) },
            "tail_rule" to { it.put("tail_rule", "fold") },
            "at least 1" to { it.put("hop_samples", 0) },
            "window_samples" to { it.remove("window_samples") },
        )
        for ((why, change) in cases) {
            files["bundle.json"] = good
            edit(change)
            assertRefused(why)
        }
        files["bundle.json"] = "{".toByteArray()
        assertRefused("damaged")
        files.remove("bundle.json")
        assertRefused("lacks bundle.json")
    }
}
