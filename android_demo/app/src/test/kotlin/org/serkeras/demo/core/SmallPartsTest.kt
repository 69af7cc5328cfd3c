package org.serkeras.demo.core

import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test

class SmallPartsTest {
    @Test
    fun easingDoesntDependOnTheFrameRate() {
        val once = ease(0f, 1f, 0.1, 0.15)
        var often = 0f
        repeat(10) { often = ease(often, 1f, 0.01, 0.15) }
        assertEquals(once, often, 1e-5f)
    }

    @Test
    fun easingArrives() = assertEquals(1f, ease(0.9995f, 1f, 0.001, 0.15), 0f)

    @Test
    fun theTimelineForgetsWhatIsTooOld() {
        val timeline = Timeline(30.0)
        for (i in 1..100) timeline.add(i.toDouble(), 1.0, null)
        assertEquals(30, timeline.moments.size)
        assertEquals(70.0, timeline.moments.first().start, 0.0)
        assertEquals(100.0, timeline.moments.last().end, 0.0)
    }

    @Test
    fun droppedWindowsLeaveAGapAndNothingOverlaps() {
        val timeline = Timeline(30.0)
        timeline.add(2.0, 0.5, floatArrayOf(1f))
        timeline.add(4.0, 0.5, null)
        timeline.add(4.2, 0.5, null)
        assertEquals(listOf(1.5 to 2.0, 3.5 to 4.0, 4.0 to 4.2), timeline.moments.map { it.start to it.end })
        assertNull(timeline.moments[1].probabilities)
    }

    @Test
    fun aCardBecomesBlocksOfPlainText() {
        val blocks = cardBlocks("# Title\n\nSome **bold** `code`.\n\n- a point\n\n| file | KB |\n| --- | --- |\n| `a.tflite` | 181 |\n\n```\nsha  file\n```\n")
        assertEquals(
            listOf(
                CardBlock.Heading("Title", 1),
                CardBlock.Paragraph("Some bold code."),
                CardBlock.Bullet("a point"),
                CardBlock.Row("a.tflite\nKB: 181"),
                CardBlock.Code("sha  file"),
            ),
            blocks,
        )
    }

    @Test
    fun linesOfOneParagraphOrPointStayTogether() {
        val blocks = cardBlocks("Terms:\n  <https://a.org/b>.\n\n- a point\n  and more\n- another\n```\ncode\n```\nNew\n# Title\ntext")
        assertEquals(
            listOf(
                CardBlock.Paragraph("Terms: https://a.org/b."),
                CardBlock.Bullet("a point and more"),
                CardBlock.Bullet("another"),
                CardBlock.Code("code"),
                CardBlock.Paragraph("New"),
                CardBlock.Heading("Title", 1),
                CardBlock.Paragraph("text"),
            ),
            blocks,
        )
    }

    @Test
    fun aCardThatEndsWithinItsCodeLosesNothing() =
        assertTrue(cardBlocks("```\nleft open").contains(CardBlock.Code("left open")))
}
