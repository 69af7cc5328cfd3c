package org.serkeras.demo

import android.content.ContentResolver
import android.content.ContextWrapper
import android.content.res.AssetManager
import android.content.res.Resources
import android.graphics.Canvas
import android.graphics.Insets
import android.media.AudioRecord
import android.os.Bundle
import android.os.Looper
import android.view.View
import android.view.WindowInsets
import android.widget.Button
import android.widget.TextView
import java.awt.RenderingHints
import java.awt.image.BufferedImage
import java.io.File
import java.nio.file.Files
import javax.imageio.ImageIO
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Before
import org.serkeras.demo.core.shippedBundle
import standin.Values

/**
 * The real Activity with its real layouts, model and recorder, on a stand-in for Android that knows just enough. It
 * shows that the screen says the right thing in every state, and paints pictures of it; not how a phone looks.
 */
abstract class Phone {
    protected val bundle = shippedBundle()
    protected val clip = shorts(bundle.reference().samples)
    protected val opened = mutableListOf<MainActivity>()

    private fun shorts(samples: FloatArray) = ShortArray(samples.size) { (samples[it] * 32768).toInt().toShort() }

    @Before
    fun phone() {
        configure()
        AssetManager.standInFolder = File(System.getProperty("assets"))
        ContextWrapper.standInAllowed = true
        val speech = ShortArray(4 * clip.size) { clip[it % clip.size] }
        AudioRecord.standInSound = AudioRecord.StandInSound { rate -> atRate(speech, rate) }
        AudioRecord.standInOnlyRate = 0
        AudioRecord.standInMilliseconds = 1 // forty times as fast as speech
        AudioRecord.standInEmptyReads = 0
        AudioRecord.standInDies = false
        AudioRecord.standInOpen = 0
        ContentResolver.standInFailure = null
        ContentResolver.standInWait = null
        ContentResolver.standInOpen.set(0)
    }

    @After
    fun nothingIsLeftOpen() {
        opened.forEach { it.standInLife("destroy", null) }
        assertEquals("recorders that nobody released", 0, AudioRecord.standInOpen)
        do {
            val ran = Looper.getMainLooper().standInRun(10)
        } while (ran)
    }

    protected fun configure(night: Boolean = false, landscape: Boolean = false, fontScale: Float = 1f) {
        val values = Values(File(System.getProperty("res")), night, landscape)
        Resources.standInCurrent = Resources.standInMake(values, DENSITY, fontScale)
    }

    /** What a microphone of another rate would give; by holding samples, which is enough for a test. */
    private fun atRate(samples: ShortArray, rate: Int) =
        ShortArray((samples.size.toLong() * rate / 16000).toInt()) { samples[(it.toLong() * 16000 / rate).toInt()] }

    /** A copy of the app's assets, which a test may change, and which the app gets from now on. */
    protected fun otherAssets(): File {
        val folder = Files.createTempDirectory("assets").toFile()
        File(System.getProperty("assets")).copyRecursively(folder)
        AssetManager.standInFolder = folder
        return folder
    }

    protected fun start(kept: Any? = null, saved: Bundle? = null) = MainActivity().also {
        it.standInRetained = kept
        it.standInLife("create", saved)
        it.standInLife("resume", null)
        opened += it
    }

    protected fun MainActivity.text(id: Int) = findViewById<TextView>(id).text.toString()

    protected fun MainActivity.tap(id: Int) = findViewById<View>(id).performClick()

    /** Work off the main thread's tasks until something is true. */
    protected fun await(what: String, check: () -> Boolean) {
        val end = System.nanoTime() + 60_000_000_000
        while (!check()) {
            assertTrue("waited in vain for: $what", System.nanoTime() < end)
            Looper.getMainLooper().standInRun(50)
        }
    }

    protected fun ready() = start().also { a -> await("the model") { a.findViewById<Button>(R.id.listen).isEnabled } }

    protected fun listening(until: String = "an answer") = ready().also { a ->
        a.tap(R.id.listen)
        await(until) { a.text(R.id.certainty).isNotEmpty() }
    }

    /** Of speech on the timeline, as it says of itself. */
    protected fun seconds(activity: MainActivity): Int {
        val said = activity.findViewById<View>(R.id.timeline).contentDescription
        return Regex("(\\d+) seconds").findAll(said).sumOf { it.groupValues[1].toInt() }
    }

    protected fun paint(activity: MainActivity, name: String, width: Int = 1080, height: Int = 2220) {
        val root = activity.standInContent
        root.standInInsetsListener.onApplyWindowInsets(root, WindowInsets.standInOf(Insets.of(0, 70, 0, 60)))
        paint(root, activity.getColor(R.color.background), name, width, height)
    }

    protected fun paint(root: View, background: Int, name: String, width: Int, height: Int) {
        root.measure(
            View.MeasureSpec.makeMeasureSpec(width, View.MeasureSpec.EXACTLY),
            View.MeasureSpec.makeMeasureSpec(height, View.MeasureSpec.EXACTLY),
        )
        val picture = BufferedImage(width, height, BufferedImage.TYPE_INT_RGB)
        val graphics = picture.createGraphics()
        graphics.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON)
        graphics.setRenderingHint(RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON)
        root.standInBackground = background
        root.draw(Canvas.standInOn(graphics))
        ImageIO.write(picture, "png", File(System.getProperty("pictures"), "$name.png"))
    }

    protected companion object {
        const val DENSITY = 2.75f // of a phone with 1080 x 2220
    }
}
