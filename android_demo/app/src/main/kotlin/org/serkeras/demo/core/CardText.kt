package org.serkeras.demo.core

/** A piece of a model card, ready for a text view. */
sealed interface CardBlock {
    val text: String

    data class Heading(override val text: String, val level: Int) : CardBlock

    data class Paragraph(override val text: String) : CardBlock

    data class Bullet(override val text: String) : CardBlock

    /** A table's row as "column: value" lines; tables don't fit a phone. */
    data class Row(override val text: String) : CardBlock

    data class Code(override val text: String) : CardBlock
}

/** The Markdown that `export` writes for a model card, as blocks of plain text. */
fun cardBlocks(markdown: String): List<CardBlock> {
    val blocks = mutableListOf<CardBlock>()
    var columns: List<String>? = null
    var code: StringBuilder? = null
    var flowing = false // a further line of text belongs to the last block
    for (line in markdown.lines()) {
        val open = code
        if (line.startsWith("```")) {
            if (open != null) blocks += CardBlock.Code(open.toString().trimEnd())
            code = if (open == null) StringBuilder() else null
            flowing = false
            continue
        }
        if (open != null) {
            open.appendLine(line)
            continue
        }
        if (!line.startsWith("|")) columns = null
        val goesOn = flowing
        flowing = line.startsWith("- ") || line.isNotBlank() && line[0] !in "#|"
        when {
            line.isBlank() -> Unit
            line.startsWith("#") -> blocks += CardBlock.Heading(plain(line.trimStart('#')), line.takeWhile { it == '#' }.length)
            line.startsWith("- ") -> blocks += CardBlock.Bullet(plain(line.drop(2)))
            line.startsWith("|") -> {
                val cells = line.trim().trim('|').split('|').map { plain(it) }
                val names = columns
                if (names == null) {
                    columns = cells
                } else if (!cells.all { cell -> cell.all { it in "-: " } }) {
                    blocks += CardBlock.Row(row(names, cells))
                }
            }
            goesOn -> blocks += blocks.removeAt(blocks.lastIndex).with(plain(line))
            else -> blocks += CardBlock.Paragraph(plain(line))
        }
    }
    code?.let { blocks += CardBlock.Code(it.toString().trimEnd()) }
    return blocks
}

private fun CardBlock.with(more: String) =
    if (this is CardBlock.Bullet) CardBlock.Bullet("$text $more") else CardBlock.Paragraph("$text $more")

private fun row(names: List<String>, cells: List<String>): String =
    cells.mapIndexedNotNull { i, cell ->
        val name = names.getOrElse(i) { "" }
        if (cell.isEmpty()) null else if (i == 0 || name.isEmpty()) cell else "$name: $cell"
    }.joinToString("\n")

private fun plain(text: String) = text.replace("**", "").replace("`", "").replace(LINK, "$1").trim()

private val LINK = Regex("<(https?://[^>]+)>")
