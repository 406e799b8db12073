"""What is on the keys of each keyboard. Written by tests/xkb.py from xkb-data 2.35.1: change it there.

A line a level: plain, with Shift, with AltGr, with both. In a line the keys as they lie, a group a row: from 1, from Q,
from A (with the one above or beside Enter), from the one beside the left Shift; last the point of the keypad. □ is
nothing, ◌ with an accent on it a dead key.
"""

KEYBOARDS = {
    "us": r"""
1234567890-= qwertyuiop[] asdfghjkl;'`\ <zxcvbnm,./ .
!@#$%^&*()_+ QWERTYUIOP{} ASDFGHJKL:"~| >ZXCVBNM<>? □
""",
    "gb": r"""
1234567890-= qwertyuiop[] asdfghjkl;'`# \zxcvbnm,./ .
!"£$%^&*()_+ QWERTYUIOP{} ASDFGHJKL:@¬~ |ZXCVBNM<>? □
¹²³€½¾{[]}\◌̧ @ſe¶ŧ←↓→øþ◌̈◌̃ æßðđŋħ□ĸł◌́◌̂|◌̀ |«»¢„“”µ•·□ □
¡⅛£¼⅜⅝⅞™±°¿◌̨ Ω§E®Ŧ¥↑ıØÞ◌̊◌̄ ÆẞÐªŊĦ□&Ł◌̋◌̌|◌̆ ¦<>©‚‘’º×÷◌̇ □
""",
    "de": r"""
1234567890ß◌́ qwertzuiopü+ asdfghjklöä◌̂# <yxcvbnm,.- ,
!"§$%&/()=?◌̀ QWERTZUIOPÜ* ASDFGHJKLÖÄ°' >YXCVBNM;:_ □
¹²³¼½¬{[]}\◌̧ @ſ€¶ŧ←↓→øþ◌̈~ æſðđŋħ□ĸł◌̋◌̂′’ |»«¢„“”µ·…– □
¡⅛£¤⅜⅝⅞™±°¿◌̨ Ω§€®Ŧ¥↑ıØÞ◌̊¯ ÆẞÐªŊĦ◌̇&Ł□◌̌″◌̆ □›‹©‚‘’º×÷— □
""",
    "fr": r"""
&é"'(-è_çà)= azertyuiop◌̂$ qsdfghjklmù²* <wxcvbn,;:! .
1234567890°+ AZERTYUIOP◌̈£ QSDFGHJKLM%~µ >WXCVBN?./§ □
¹◌̃#{[|◌̀\^@]} æ«€¶ŧ←↓→øþ◌̈¤ @ßðđŋħ□ĸłµ◌̂¬◌̀ |ł»¢„“”◌́•·□ □
¡⅛£$⅜⅝⅞™±°¿◌̨ Æ<¢®Ŧ¥↑ıØÞ◌̊◌̄ ΩẞÐªŊĦ□&Łº◌̌¬◌̆ ¦Ł>©‚‘’◌̋×÷◌̇ □
""",
    "it": r"""
1234567890'ì qwertyuiopè+ asdfghjklòà\ù <zxcvbnm,.- .
!"£$%&/()=?^ QWERTYUIOPé* ASDFGHJKLç°|§ >ZXCVBNM;:_ □
¹²³¼½¬{[]}`~ @ſ€¶ŧ←↓→øþ[] æßðđŋħ□ĸł@#¬◌̀ ««»¢“”ñµ◌́·◌̄ □
¡◌̋◌̃⅛⅜⅝⅞™±◌̨¿◌̂ Ω§¢®Ŧ¥↑ıØÞ{} ÆẞÐªŊĦ□&Ł◌̧◌̊¦◌̆ »<>©‘’Ñº×◌̈÷ □
""",
    "es": r"""
1234567890'¡ qwertyuiop◌̀+ asdfghjklñ◌́ºç <zxcvbnm,.- .
!"·$%&/()=?¿ QWERTYUIOP◌̂* ASDFGHJKLÑ◌̈ªÇ >ZXCVBNM;:_ □
|@#◌̃½¬{[]}\◌̧ @ſ€¶ŧ←↓→øþ[] æßðđŋħ□ĸł◌̃{\} |«»¢„“”µ•·□ □
¡⅛£$⅜⅝⅞™±°¿◌̨ Ω§¢®Ŧ¥↑ıØÞ◌̊◌̄ ÆẞÐªŊĦ□&Ł◌̋◌̌\◌̆ ¦<>©‚‘’º×÷◌̇ □
""",
    "ch-de": r"""
1234567890'◌̂ qwertzuiopü◌̈ asdfghjklöä§$ <yxcvbnm,.- .
+"*ç%&/()=?◌̀ QWERTZUIOPè! ASDFGHJKLéà°£ >YXCVBNM;:_ □
|@#¼½¬|¢]}◌́◌̃ @ſ€¶ŧ←↓→œþ[] æßðđŋħ□ĸł◌́{¬} \«»¢„“”µ•·□ □
¡⅛£$⅜⅝⅞™±°¿◌̨ Ω§E®Ŧ¥↑ıŒÞ◌̊◌̄ ÆẞÐªŊĦ□&Ł◌̋◌̌¬◌̆ ¦<>©‚‘’º×÷◌̇ □
""",
    "ch-fr": r"""
1234567890'◌̂ qwertzuiopè◌̈ asdfghjkléà§$ <yxcvbnm,.- .
+"*ç%&/()=?◌̀ QWERTZUIOPü! ASDFGHJKLöä°£ >YXCVBNM;:_ □
|@#¼½¬|¢]}◌́◌̃ @ſ€¶ŧ←↓→œþ[] æßðđŋħ□ĸł◌́{¬} \«»¢„“”µ•·□ □
¡⅛£$⅜⅝⅞™±°¿◌̨ Ω§E®Ŧ¥↑ıŒÞ◌̊◌̄ ÆẞÐªŊĦ□&Ł◌̋◌̌¬◌̆ ¦<>©‚‘’º×÷◌̇ □
""",
    "be": r"""
&é"'(§è!çà)- azertyuiop◌̂$ qsdfghjklmù²µ <wxcvbn,;:= .
1234567890°_ AZERTYUIOP◌̈* QSDFGHJKLM%³£ >WXCVBN?./+ □
|@#¼½^{[{}\◌̧ @ſ€¶ŧ←↓→œþ[] æßðđŋħ□ĸł◌́◌́¬◌̀ \«»¢„“”◌̧•·◌̃ □
¡⅛£$⅜⅝⅞™±°¿◌̨ Ω§¢®Ŧ¥↑ıŒÞ◌̊◌̄ ÆẞÐªŊĦ□&Ł◌̋◌̌¬◌̆ \<>©‚‘’º×÷◌̇ □
""",
    "se": r"""
1234567890+◌́ qwertyuiopå◌̈ asdfghjklöä§' <zxcvbnm,.- ,
!"#¤%&/()=?◌̀ QWERTYUIOPÅ◌̂ ASDFGHJKLÖÄ½* >ZXCVBNM;:_ □
¡@£$€¥{[]}\± @ſ€®þ←↓→œþ◌̈◌̃ ªßðđŋħ□ĸłøæ¶´ |«»©„“”µ◌̧·□ □
¹²³¼¢⅝÷«»°¿¬ Ω§¢®Þ¥↑ıŒÞ◌̊◌̌ ºẞÐªŊĦ□&ŁØÆ¾× ¦<>©‚‘’º◌̨◌̇◌̇ □
""",
    "no": r"""
1234567890+\ qwertyuiopå◌̈ asdfghjkløæ|' <zxcvbnm,.- ,
!"#¤%&/()=?◌̀ QWERTYUIOPÅ◌̂ ASDFGHJKLØÆ§* >ZXCVBNM;:_ □
¡@£$½¥{[]}±◌́ @ſ€®þ←↓→œπ◌̈◌̃ ªßðđŋħ□ĸł◌́◌̂¦◌̋ ½«»©„“”µ◌̧…– □
¹²³¼‰⅝÷«»°¿¬ Ω§¢™Þ¥↑ıŒΠ◌̊◌̌ ºẞÐªŊĦ□&Ł◌̋◌̌¶× ¾<>©‚‘’º◌̨·— □
""",
    "dk": r"""
1234567890+◌́ qwertyuiopå◌̈ asdfghjklæø½' <zxcvbnm,.- ,
!"#¤%&/()=?◌̀ QWERTYUIOPÅ◌̂ ASDFGHJKLÆØ§* >ZXCVBNM;:_ □
¡@£$½¥{[]}±| @ſ€®þ←↓→œþ◌̈◌̃ ªßðđŋħ□ĸł◌́◌̂¾◌̋ \«»©„“”µ◌̧·□ □
¹²³¼¢⅝÷«»°¿¦ Ω§¢®Þ¥↑ıŒÞ◌̊◌̌ ºẞÐªŊĦ□&Ł◌̋◌̌¶× ¬<>©‚‘’º◌̨◌̇◌̇ □
""",
    "fi": r"""
1234567890+◌́ qwertyuiopå◌̈ asdfghjklöä§' <zxcvbnm,.- ,
!"#¤%&/()=?◌̀ QWERTYUIOPÅ◌̂ ASDFGHJKLÖÄ½* >ZXCVBNM;:_ □
□@£$‰‚{[]}\◌̧ qw€rþyuıœ□◌̋◌̃ əßðfghjĸ□øæ□◌̌ |ʒ×cvbŋµ’□– □
¡”»«“„□<>°¿◌̨ QW□RÞYU|Œ□◌̊◌̄ ƏẞÐFGHJ□□ØÆ□◌̆ ¦Ʒ·CVBŊ—‘◌̇□ □
""",
}
