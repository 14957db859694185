/** Control characters, and those that turn the reading direction: what people are shown must read as it stands. */
const UNSHOWABLE = /[\p{Cc}\p{Cs}\u061C\u200B-\u200F\u2028-\u202E\u2060-\u206F\uFEFF\uFFF9-\uFFFB]/gu

/** Text from a stranger, as data for people to read: control and bidirectional characters stripped, ends trimmed. */
export const plainText = (text: string): string => text.replace(UNSHOWABLE, '').trim()

/** Characters as people count them: code points. */
export const lengthOf = (text: string): number => [...text].length
