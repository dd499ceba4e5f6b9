#!/bin/sh
# zig as @ROLE@ for @TRIPLE@. Written by cargo-gantry: changes are lost.
# Drops or rewrites those arguments of rustc and of build scripts that zig does not take.

# In $arg: what becomes of it. Fails where nothing does.
translate() {
    if [ -n "$skip" ]; then
        skip=
        return 1
    fi
    case $arg in
    --target=*) return 1 ;;
    -target)
        skip=1
        return 1
        ;;
    -lgcc_s) arg=-lunwind ;;
    -static-pie) arg=-pie ;;
    -Wl,-O1 | -Wl,--no-undefined-version | -Wl,-znostart-stop-gc | -Wl,--no-rosegment) return 1 ;;
    -Wl,--fix-cortex-a53-843419 | -Wl,-plugin-opt*) return 1 ;;
    -Wl,--undefined=*) arg=-Wl,-u,${arg#*=} ;;
    -Wl,/*) [ ! -f "${arg#-Wl,}" ] || arg=${arg#-Wl,} ;;
    -Wp,-MD* | -Wp,-MMD* | -Wp,-MT*) ;;
    -Wp,*) return 1 ;;
@RULES@
    esac
}

# In $text: the same with $from replaced by $to.
replace() {
    rest=$text
    text=
    while :; do
        case $rest in
        *"$from"*)
            text=$text${rest%%"$from"*}$to
            rest=${rest#*"$from"}
            ;;
        *) break ;;
        esac
    done
    text=$text$rest
}

# -mcpu=cortex-a53 is -mcpu=cortex_a53 for zig.
cpu() {
    text=${arg#*=} from=- to=_
    replace
    arg=${arg%%=*}=$text
}

# -march=armv8.2-a+fp16+nosve is -mcpu=generic+fullfp16-sve for zig.
features() {
    names=${arg#*=}+
    names=${names#*+}
    arg=-mcpu=generic
    while [ -n "$names" ]; do
        text=${names%%+*} names=${names#*+} sign=+
        case $text in
        no?*) text=${text#no} sign=- ;;
        esac
        case $text in
        '' | ne) continue ;;
        fp) text=fp_armv8 ;;
        fp16) text=fullfp16 ;;
        simd) text=neon ;;
        rng) text=rand ;;
        memtag) text=mte ;;
        esac
        from=- to=_
        replace
        arg=$arg$sign$text
    done
}

# rustc's response file escapes blanks by backslashes, as read undoes them; zig wants quotes.
respond() {
    while IFS= read arg || [ -n "$arg" ]; do
        translate || continue
        case $arg in
        *[[:space:]\"]*)
            text=$arg from=\" to=\\\"
            replace
            arg=\"$text\"
            ;;
        esac
        printf '%s\n' "$arg"
    done
}

skip=
left=$#
while [ "$left" -gt 0 ]; do
    arg=$1
    shift
    left=$((left - 1))
    case $arg in
    @*linker-arguments)
        file=${arg#@}
        respond <"$file" >"$file.zig" || exit 1
        set -- "$@" "@$file.zig"
        ;;
    *) ! translate || set -- "$@" "$arg" ;;
    esac
done
exec @ZIG@ @ROLE@ -target @TARGET@ @OPTIONS@ "$@"
