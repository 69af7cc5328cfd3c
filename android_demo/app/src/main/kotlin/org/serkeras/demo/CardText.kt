package org.serkeras.demo

import android.content.Context
import android.graphics.Typeface
import android.text.SpannableStringBuilder
import android.text.Spanned
import android.text.style.BulletSpan
import android.text.style.RelativeSizeSpan
import android.text.style.StyleSpan
import android.text.style.TypefaceSpan
import org.serkeras.demo.core.CardBlock

/** The model's card and the licences, styled for a text view; [context] says what stands before them. */
fun cardText(context: Context, blocks: List<CardBlock>): CharSequence {
    val text = SpannableStringBuilder(context.getString(R.string.privacy)).append("\n\n")
    for (block in blocks) {
        val start = text.length
        text.append(block.text)
        val spans = when (block) {
            is CardBlock.Heading -> listOf(StyleSpan(Typeface.BOLD), RelativeSizeSpan(if (block.level == 1) 1.2f else 1.05f))
            is CardBlock.Bullet -> listOf(BulletSpan(BULLET_GAP))
            is CardBlock.Code -> listOf(TypefaceSpan("monospace"), RelativeSizeSpan(0.8f))
            is CardBlock.Paragraph, is CardBlock.Row -> emptyList()
        }
        spans.forEach { text.setSpan(it, start, text.length, Spanned.SPAN_EXCLUSIVE_EXCLUSIVE) }
        text.append("\n\n")
    }
    return text
}

private const val BULLET_GAP = 24 // pixels
