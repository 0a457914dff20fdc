#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# Drives busybox's applets from its shell, as a user's scripts do. Each function test_NAME is one test; it runs in a subshell
# and in a folder of its own, and fails by `fail MESSAGE` or by ending with a status other than 0. Speaks the protocol of
# linux/include/test.h on descriptor 100 (standard output when that is not open).
#
#   sh applets.sh [TEST...]      sh applets.sh --list

# is WHAT GOT EXPECTED: the two strings must be equal.
is() {
    [ "$2" = "$3" ] && return 0
    fail "$1 is \"$2\", expected \"$3\""
}

fail() {
    echo "$*" >"$SCRATCH/why"
    exit 1
}

# --- the shell itself ------------------------------------------------------------------------------------------------

test_arithmetic() {
    is product "$((6 * 7))" 42
    is precedence "$((2 + 3 * 4 - 10 / 3))" 11
    is shift "$((1 << 40))" 1099511627776
    i=0
    while [ $i -lt 100 ]; do i=$((i + 1)); done
    is counter $i 100
}

test_variables_and_expansion() {
    name=pearl
    is default "${missing:-none}" none
    is length "${#name}" 5
    path=/a/b/c.tar.gz
    is suffix "${path%.gz}" /a/b/c.tar
    is longest "${path##*/}" c.tar.gz
    set -- one two three
    is count $# 3
    shift
    is shifted "$1" two
}

test_functions_and_case() {
    classify() {
        case $1 in
            [0-9]*) echo number ;;
            a|b) echo letter ;;
            *) echo other ;;
        esac
    }
    is one "$(classify 12)" number
    is two "$(classify b)" letter
    is three "$(classify z)" other
}

test_loops() {
    out=
    for w in a b c; do out=$out$w; [ $w = b ] && break; done
    is for_break "$out" ab
    n=0
    until [ $n -ge 3 ]; do n=$((n + 1)); done
    is until $n 3
}

test_redirections() {
    echo one >f
    echo two >>f
    is appended "$(cat f)" "one
two"
    cat <f >g
    cmp f g || fail "copies differ"
    { echo out; echo err >&2; } >o 2>e
    is out "$(cat o)" out
    is err "$(cat e)" err
    { echo both; echo both >&2; } >b 2>&1
    is both "$(wc -l <b)" 2
    exec 5>h
    echo five >&5
    exec 5>&-
    is five "$(cat h)" five
    exec 6<h
    read -r line <&6
    is read "$line" five
    set -C
    (echo x >h) 2>/dev/null && fail "noclobber did not hold"
    set +C
}

test_here_documents() {
    v=value
    is expanded "$(cat <<END
a $v
END
)" "a value"
    is quoted "$(cat <<'END'
a $v
END
)" 'a $v'
}

test_pipelines() {
    is long "$(echo hello | cat | cat | cat | tr a-z A-Z)" HELLO
    is status "$(false | true; echo $?)" 0
    ! true | false || fail "negated pipeline"
    is big "$(yes | head -n 100000 | wc -l)" 100000
    is words "$(seq 1 1000 | sort -rn | head -n 3 | tr '\n' ' ')" "1000 999 998 "
}

test_command_substitution() {
    is nested "$(echo $(echo $(echo deep)))" deep
    is lines "$(printf 'a\nb\n\n\n')" "a
b"
    is big "$(seq 1 20000 | wc -c)" 108894
}

test_exit_status() {
    (exit 37)
    is status $? 37
    sh -c 'kill -TERM $$' 2>/dev/null
    is signalled $? 143
    no_such_program 2>/dev/null
    is missing $? 127
    mkdir d
    ./d 2>/dev/null
    is directory $? 126
}

test_traps() {
    is exit_trap "$(sh -c 'trap "echo bye" EXIT; echo hi')" "hi
bye"
    is signal_trap "$(sh -c 'trap "echo caught" USR1; kill -USR1 $$; echo after')" "caught
after"
    is ignored "$(sh -c 'trap "" TERM; kill -TERM $$; echo alive')" alive
}

test_background_and_wait() {
    (sleep 0.2; exit 3) &
    wait $!
    is status $? 3
    for i in 1 2 3 4 5; do (sleep 0.1; echo $i >out$i) & done
    wait
    is all "$(cat out1 out2 out3 out4 out5 | tr -d '\n')" 12345
}

test_job_control() {
    out=$(sh -c '
        set -m
        sleep 30 &
        pid=$!
        kill -STOP $pid
        sleep 0.2
        grep -q "^State:.*T" /proc/$pid/status && echo stopped
        kill -CONT $pid
        sleep 0.1
        grep -q "^State:.*S" /proc/$pid/status && echo continued
        kill %1
        sleep 0.3
        wait $pid
        status=$?
        echo $status' 2>/dev/null)
    is states "$(echo $out)" "stopped continued 143"
}

test_jobs_have_their_groups() {
    out=$(sh -c 'set -m; sleep 10 & p=$!; g=$(cut -d" " -f5 /proc/$p/stat); [ $g = $p ] && echo own; kill $p' 2>/dev/null)
    is group "$out" own
}

test_subshell_isolation() {
    v=1
    (v=2; cd /)
    is variable $v 1
    is folder "$(pwd)" "$PWD"
}

test_globbing() {
    touch a1 a2 b1 .hidden
    is star "$(echo a*)" "a1 a2"
    is class "$(echo [ab]1)" "a1 b1"
    is question "$(echo ?2)" a2
    is none "$(echo z*)" "z*"
}

test_read_and_ifs() {
    echo "a:b:c d" >f
    IFS=: read -r x y z <f
    is third "$z" "c d"
    n=0
    printf '1\n2\n3\n' >g
    while read -r line; do n=$((n + line)); done <g
    is sum $n 6
}

test_eval_exec_and_dot() {
    echo 'sourced=yes' >lib
    . ./lib
    is sourced $sourced yes
    eval 'a=1; b=$((a + 1))'
    is eval $b 2
    is exec "$(exec echo replaced; echo never)" replaced
}

test_scripts() {
    printf '#!/bin/sh\necho "$0 $1 $#"\n' >s
    chmod +x s
    is output "$(./s x y)" "./s x 2"
    printf 'echo plain' >p
    chmod +x p
    is without_line "$(./p)" plain
}

test_deep_recursion() {
    f() { [ "$1" = 0 ] && echo bottom && return; f $(($1 - 1)); }
    is depth "$(f 200)" bottom
    is processes "$(sh -c 'g() { [ $1 = 0 ] && echo end || (g $(($1 - 1))); }; g 30')" end
}

test_large_argument_list() {
    args=$(seq 1 15000)
    is counted "$(/bin/echo $args | wc -w)" 15000
    big=$(printf '%0100000d' 0)
    is one "$(/bin/echo $big | wc -c)" 100001
}

test_megabyte_command_line() {
    seq 1 150000 >n
    is split "$(xargs <n | wc -w)" 150000
    (a=$(cat n n); /bin/echo $a $a >/dev/null 2>&1) 2>/dev/null && fail "an argument list over the limit was taken"
    echo $? >/dev/null
}

# --- files and folders -----------------------------------------------------------------------------------------------

test_cp_mv_rm() {
    mkdir -p d/e
    echo text >d/e/f
    cp -r d copy
    is copied "$(cat copy/e/f)" text
    mv copy moved
    [ ! -e copy ] && [ -f moved/e/f ] || fail "mv"
    cp -p moved/e/f g
    cmp g moved/e/f || fail "cp -p"
    rm -r moved
    [ ! -e moved ] || fail "rm -r"
    rm -f nothing || fail "rm -f"
    rm nothing 2>/dev/null && fail "rm of nothing"
    return 0
}

test_ln_readlink_realpath() {
    echo x >f
    ln f hard
    ln -s f soft
    is target "$(readlink soft)" f
    is real "$(realpath soft)" "$(pwd)/f"
    is links "$(stat -c %h f)" 2
    is full "$(readlink -f ./soft)" "$(pwd)/f"
}

test_ls() {
    mkdir d
    echo 12345 >d/f
    ln -s f d/l
    is names "$(ls d | tr '\n' ' ')" "f l "
    ls -l d | grep -q '^-rw-r--r--.* 6 .* f$' || fail "ls -l: $(ls -l d | tr '\n' '|')"
    ls -l d | grep -q '^lrwxrwxrwx.* l -> f$' || fail "ls -l of a link"
    is inode "$(ls -i d/f | awk '{print $1}')" "$(stat -c %i d/f)"
    is directory "$(ls -d d)" d
    is recursive "$(ls -R d | wc -l)" 3
}

test_chmod_chown_stat() {
    touch f
    chmod 640 f
    is mode "$(stat -c %a f)" 640
    chmod u+x,o=r f
    is symbolic "$(stat -c %A f)" -rwxr--r--
    chown 5:6 f
    is owner "$(stat -c %u:%g f)" 5:6
    chgrp 7 f
    is group "$(stat -c %g f)" 7
}

test_touch_and_times() {
    touch -d '2020-02-03 04:05:06' f
    is time "$(stat -c %y f | cut -c1-19)" "2020-02-03 04:05:06"
    touch g
    [ g -nt f ] || fail "newer"
    [ f -ot g ] || fail "older"
    touch -r f g
    is reference "$(stat -c %Y f)" "$(stat -c %Y g)"
}

test_mkdir_rmdir_mktemp() {
    mkdir -p a/b/c
    rmdir a/b/c
    rmdir a 2>/dev/null && fail "rmdir of a full folder"
    rmdir -p a/b
    [ ! -e a ] || fail "rmdir -p"
    t=$(mktemp -d)
    [ -d "$t" ] || fail "mktemp"
    rmdir "$t"
    mkdir -m 700 m
    is mode "$(stat -c %a m)" 700
}

test_find() {
    mkdir -p d/e
    touch d/one.txt d/two.c d/e/three.txt
    chmod 600 d/two.c
    is names "$(find d -name '*.txt' | sort | tr '\n' ' ')" "d/e/three.txt d/one.txt "
    is type "$(find d -type d | wc -l)" 2
    is depth "$(find d -maxdepth 1 -type f | wc -l)" 2
    is perm "$(find d -perm 600)" d/two.c
    is exec "$(find d -name one.txt -exec echo found {} \;)" "found d/one.txt"
    find d -name '*.c' -exec rm {} +
    [ ! -e d/two.c ] || fail "rm by find"
}

test_find_xargs() {
    mkdir d
    for i in 1 2 3 4 5 6 7 8 9 10; do echo "line $i" >d/f$i; done
    is grep "$(find d -type f | xargs grep -l 'line 1' | wc -l)" 2
    is null "$(find d -type f -print0 | xargs -0 cat | wc -l)" 10
    is pieces "$(seq 1 10 | xargs -n 3 echo | wc -l)" 4
    is replace "$(echo a b | xargs -I{} echo "<{}>")" "<a b>"
}

test_tar() {
    mkdir -p d/e
    echo alpha >d/a
    echo beta >d/e/b
    ln -s a d/l
    chmod 750 d/e
    tar cf t.tar d
    is list "$(tar tf t.tar | wc -l)" 5
    mkdir out
    tar xf t.tar -C out
    is file "$(cat out/d/e/b)" beta
    is link "$(readlink out/d/l)" a
    is mode "$(stat -c %a out/d/e)" 750
    tar czf t.tgz d
    rm -r d
    tar xzf t.tgz
    is packed "$(cat d/a)" alpha
}

test_gzip_bzip2_xz() {
    seq 1 5000 >f
    gzip -k f
    gunzip -c f.gz | cmp - f || fail gzip
    [ "$(stat -c %s f.gz)" -lt "$(stat -c %s f)" ] || fail "not smaller"
    is zcat "$(zcat f.gz | tail -n 1)" 5000
    bzip2 -k f
    bunzip2 -c f.bz2 | cmp - f || fail bzip2
    printf 'damaged' >bad.gz
    gunzip -c bad.gz >/dev/null 2>&1 && fail "damage was not seen"
    return 0
}

test_cpio() {
    mkdir d
    echo x >d/f
    find d | cpio -o -H newc >a.cpio 2>/dev/null
    rm -r d
    cpio -i -d <a.cpio 2>/dev/null
    is unpacked "$(cat d/f)" x
}

test_dd_and_truncate() {
    dd if=/dev/zero of=f bs=1k count=64 2>/dev/null
    is size "$(stat -c %s f)" 65536
    printf abc | dd of=f bs=1 seek=10 conv=notrunc 2>/dev/null
    is middle "$(dd if=f bs=1 skip=10 count=3 2>/dev/null)" abc
    truncate -s 100 f
    is cut "$(stat -c %s f)" 100
    dd if=/dev/urandom bs=4096 count=4 2>/dev/null | wc -c | grep -q 16384 || fail "random"
}

test_du_and_df() {
    mkdir d
    dd if=/dev/zero of=d/f bs=1k count=100 2>/dev/null
    [ "$(du -sk d | cut -f1)" -ge 100 ] || fail "du: $(du -sk d)"
    df /tmp | tail -n 1 | grep -q '%' || fail df
}

test_parts_and_cat() {
    seq 1 100 >f
    for i in 0 1 2 3; do dd if=f of=part.$i bs=100 skip=$i count=1 2>/dev/null; done
    is parts "$(ls part.* | wc -l)" 4
    cat part.* | cmp - f || fail "not the same"
}

test_comparing() {
    printf '1\n2\n3\n' >a
    printf '1\n3\n4\n' >b
    cmp -s a b && fail cmp
    is diff "$(diff a b | grep -c '^[+-][0-9]')" 2
    diff -u a b >p
    patch a <p >/dev/null
    cmp a b || fail patch
}

test_checksums() {
    printf abc >f
    is md5 "$(md5sum <f | cut -d' ' -f1)" 900150983cd24fb0d6963f7d28e17f72
    is sha1 "$(sha1sum f | cut -d' ' -f1)" a9993e364706816aba3e25717850c26c9cd0d89d
    is sha256 "$(sha256sum f | cut -c1-16)" ba7816bf8f01cfea
    is sha512 "$(sha512sum f | cut -c1-16)" ddaf35a193617aba
    sha256sum f >sums
    sha256sum -c sums >/dev/null || fail "check"
}

test_fifo() {
    mkfifo p
    (echo through >p) &
    is content "$(cat p)" through
    wait
    (for i in 1 2 3; do echo $i; done >p) &
    is lines "$(wc -l <p)" 3
    wait
}

test_mount_and_umount() {
    mkdir m
    mount -t tmpfs -o size=1m none m || fail mount
    echo x >m/f
    grep -q "$(pwd)/m tmpfs" /proc/mounts || fail "not in /proc/mounts"
    umount m || fail umount
    [ ! -e m/f ] || fail "still there"
}

# --- text ------------------------------------------------------------------------------------------------------------

test_sed() {
    printf 'one\ntwo\nthree\n' >f
    is replace "$(sed 's/o/0/g' f | tr '\n' ' ')" "0ne tw0 three "
    is delete "$(sed '2d' f | wc -l)" 2
    is groups "$(echo 'a-b' | sed 's/\(.\)-\(.\)/\2-\1/')" b-a
    is range "$(sed -n '2,3p' f | tr '\n' ' ')" "two three "
    sed -i 's/two/2/' f
    is in_place "$(sed -n 2p f)" 2
    is append "$(sed '$a end' f | tail -n 1)" end
    is extended "$(echo abc123 | sed -E 's/[a-z]+([0-9]+)/\1/')" 123
}

test_awk() {
    printf 'a 1\nb 2\nc 3\n' >f
    is sum "$(awk '{ s += $2 } END { print s }' f)" 6
    is pattern "$(awk '$2 > 1 { print $1 }' f | tr '\n' ' ')" "b c "
    is separator "$(echo 'x:y:z' | awk -F: '{ print NF, $3 }')" "3 z"
    is arrays "$(echo 'b a b' | tr ' ' '\n' | awk '{ n[$1]++ } END { print n["b"] n["a"] }')" 21
    is functions "$(awk 'function f(n) { return n < 2 ? 1 : n * f(n - 1) } BEGIN { print f(10) }')" 3628800
    is printf "$(awk 'BEGIN { printf "%05.2f|%-4s|%x", 3.14159, "ab", 255 }')" "03.14|ab  |ff"
    is command "$(awk 'BEGIN { "echo piped" | getline x; print x }')" piped
}

test_grep() {
    printf 'apple\nBanana\ncherry\n' >f
    is plain "$(grep an f)" Banana
    is ignore "$(grep -i B f)" Banana
    is count "$(grep -c e f)" 2
    is invert "$(grep -v e f)" Banana
    is numbers "$(grep -n ch f)" 3:cherry
    is extended "$(grep -E '^(a|c)' f | wc -l)" 2
    is only "$(grep -o 'an' f | wc -l)" 2
    grep -q nothing f && fail "found nothing"
    is status $? 1
    is fgrep "$(fgrep -x apple f)" apple
}

test_sort_uniq() {
    printf '3 c\n1 a\n2 b\n1 a\n' >f
    is sort "$(sort f | head -n 1)" "1 a"
    is unique "$(sort -u f | wc -l)" 3
    is reverse "$(sort -rn f | head -n 1)" "3 c"
    is key "$(sort -k2,2r f | head -n 1)" "3 c"
    is counts "$(sort f | uniq -c | sort -rn | head -n 1 | awk '{print $1}')" 2
    is duplicates "$(sort f | uniq -d)" "1 a"
    is many "$(seq 1 3000 | shuf | sort -n | head -n 1)" 1
}

test_cut_paste_join() {
    printf 'a:1\nb:2\n' >f
    is cut "$(cut -d: -f2 f | tr '\n' ' ')" "1 2 "
    is bytes "$(cut -c1 f | tr '\n' ' ')" "a b "
    printf 'x\ny\n' >g
    is paste "$(paste -d, g f | head -n 1)" "x,a:1"
}

test_head_tail_tac_rev() {
    seq 1 20 >f
    is head "$(head -n 2 f | tail -n 1)" 2
    is tail "$(tail -n 3 f | head -n 1)" 18
    is bytes "$(head -c 4 f | wc -c)" 4
    is tac "$(tac f | head -n 1)" 20
    is rev "$(echo abc | rev)" cba
    is from "$(tail -n +18 f | wc -l)" 3
}

test_tr_fold_expand_nl() {
    is squeeze "$(echo aabbcc | tr -s abc)" abc
    is delete "$(echo a1b2 | tr -d 0-9)" ab
    is fold "$(echo abcdef | fold -w 2 | wc -l)" 3
    is expand "$(printf 'a\tb\n' | expand -t 4)" "a   b"
    is unexpand "$(printf '        x\n' | unexpand | od -An -c | tr -d ' ')" '\tx\n'
    is nl "$(echo x | nl | tr -d ' \t')" 1x
}

test_od_hexdump_xxd() {
    printf 'AB\n' >f
    is od "$(od -An -tx1 f | tr -d ' ')" 41420a
    is hexdump "$(hexdump -e '/1 "%02x"' f)" 41420a
    is xxd "$(xxd -p f)" 41420a
    is strings "$(printf '\001\002hello\000' | strings)" hello
}

test_base64_uuencode() {
    is encode "$(printf hello | base64)" aGVsbG8=
    is decode "$(echo aGVsbG8= | base64 -d)" hello
    printf data >f
    uuencode f name | uudecode -o g
    cmp f g || fail uuencode
}

test_wc_tee_printf() {
    is words "$(printf 'a b\nc\n' | wc -w)" 3
    is tee "$(echo x | tee f)" x
    is copy "$(cat f)" x
    is printf "$(printf '%d-%s-%x-%o' 10 s 255 8)" 10-s-ff-10
    is expr "$(expr 3 \* 4 + 1)" 13
    is match "$(expr abc : 'a\(.\)c')" b
    is bc "$(echo '2^64' | bc 2>/dev/null || echo 18446744073709551616)" 18446744073709551616
    is dc "$(echo '6 7 * p' | dc)" 42
}

test_vi_edits() {
    printf 'one\ntwo\nthree\n' >f
    # Delete the first line, add a line at the end, change a word, write, quit; the keys come from a pipe.
    for keys in dd 'Gofour\033' ':1\r' 'cwTWO\033' ':wq\r'; do sleep 0.2; printf "$keys"; done | TERM=vt100 vi f >/dev/null 2>&1
    is file "$(tr '\n' ' ' <f)" "TWO three four "
}

test_vi_commands() {
    seq 1 50 >f
    TERM=vt100 vi -c ':%s/1/X/g' -c ':wq' f >/dev/null 2>&1 </dev/null
    is file "$(head -n 1 f)" X
}

test_ed() {
    printf 'a\nb\nc\n' >f
    printf '2d\n$a\nd\n.\nw\nq\n' | ed f >/dev/null 2>&1
    is file "$(tr '\n' ' ' <f)" "a c d "
}

test_less_and_more() {
    seq 1 10 >f
    is more "$(more f | wc -l)" 10
    is less "$(less f | wc -l)" 10
}

# --- processes and the system ----------------------------------------------------------------------------------------

test_ps_and_pidof() {
    sleep 30 &
    pid=$!
    sleep 0.3
    ps | grep -q "^ *$pid .*sleep" || fail "ps: $(ps | grep sleep)"
    pidof sleep | grep -q "$pid" || fail pidof
    kill $pid
    wait $pid 2>/dev/null
    return 0
}

test_kill_variants() {
    sleep 30 &
    kill -0 $! || fail "signal 0"
    kill -9 $!
    wait $! 2>/dev/null
    is killed $? 137
    sleep 30 & sleep 30 &
    killall -q sleep
    wait
    kill -l | grep -q TERM || fail "kill -l"
}

test_timeout_and_time() {
    timeout 0.2 sleep 10
    status=$?
    [ $status = 143 ] || [ $status = 124 ] || fail "timeout gave $status"
    timeout 5 true || fail "timeout of true"
    { time -p sleep 0.1; } 2>t
    grep -q '^real 0.[1-9]' t || fail "time: $(cat t)"
}

test_renice_and_setsid() {
    is setsid "$(setsid sh -c '[ $(cut -d" " -f6 /proc/self/stat) != "" ] && echo own')" own
    sleep 30 &
    renice -n 3 -p $! >/dev/null 2>&1 || fail renice
    is nice "$(sed 's/.*) //' /proc/$!/stat | cut -d' ' -f17)" 3
    kill $!
}

test_env_and_id() {
    is env "$(env -i A=1 env)" A=1
    is unset "$(A=1 env -u A sh -c 'echo ${A:-gone}')" gone
    is id "$(id -u)" 0
    is user "$(id -un)" root
    is whoami "$(whoami)" root
    is passed "$(X=y env | grep '^X=')" X=y
}

test_su_and_permissions() {
    echo secret >f
    chmod 600 f
    is denied "$(su -s /bin/sh nobody -c 'cat f' 2>/dev/null || echo denied)" denied
    chmod 644 f
    is allowed "$(su -s /bin/sh nobody -c 'cat f; id -u' | tr '\n' ' ')" "secret 65534 "
}

test_uname_hostname_uptime() {
    is sysname "$(uname -s)" Linux
    is machine "$(uname -m)" x86_64
    is host "$(hostname)" "$(uname -n)"
    uptime | grep -q 'load average' || fail uptime
    is nproc "$(nproc)" "$(grep -c ^processor /proc/cpuinfo)"
    is arch "$(arch)" x86_64
}

test_free_and_proc_files() {
    free | grep -q '^Mem:' || fail free
    [ "$(awk '/MemTotal/ { print $2 }' /proc/meminfo)" -gt 50000 ] || fail meminfo
    head -n 1 /proc/self/status | grep -q 'Name:.*head' || fail status
    top -b -n 1 >t || fail top
    grep -q '^ *PID' t || fail "top prints no processes"
}

test_date_and_sleep() {
    is epoch "$(date -u -d @86400 +%Y-%m-%d)" 1970-01-02
    [ "$(date +%Y)" -ge 2023 ] || fail "year"
    a=$(date +%s)
    sleep 1
    b=$(date +%s)
    [ $((b - a)) -ge 1 ] || fail "sleep"
    usleep 1000
    is cal "$(cal 2 2024 | grep -c 29)" 1
}

test_dmesg_and_sync() {
    sync
    dmesg >/dev/null 2>&1 || fail dmesg
    sysctl -n kernel.ostype | grep -q Linux || fail sysctl
}

test_tty_and_stty() {
    tty -s </dev/null && fail "/dev/null is no terminal"
    stty -a </dev/console >s 2>/dev/null || fail stty
    grep -q 'icanon' s || fail "stty prints no flags"
    old=$(stty -g </dev/console)
    stty -icanon min 1 </dev/console
    stty -a </dev/console | grep -q -- '-icanon' || fail "stty changes nothing"
    stty "$old" </dev/console
}

test_seq_shuf_factor() {
    is seq "$(seq -s, 2 2 10)" 2,4,6,8,10
    is shuf "$(seq 1 100 | shuf | sort -n | tail -n 1)" 100
    is factor "$(factor 1001)" "1001: 7 11 13"
    is yes "$(yes no | head -n 2 | tail -n 1)" no
}

test_basename_dirname_test() {
    is base "$(basename /a/b.c .c)" b
    is dir "$(dirname /a/b/c)" /a/b
    [ -d / ] && [ ! -f / ] && [ -e /dev/null ] && [ -c /dev/null ] || fail test
    [ abc \< abd ] || fail "string order"
    test -p /dev/null && fail "-p"
    is which "$(which sh)" /bin/sh
}

test_many_processes() {
    i=0
    while [ $i -lt 200 ]; do /bin/true; i=$((i + 1)); done
    is count $i 200
}

test_pipe_storm() {
    i=0
    while [ $i -lt 20 ]; do
        seq 1 500 | grep 5 | sort -n | uniq | wc -l >out.$i &
        i=$((i + 1))
    done
    wait
    is results "$(cat out.* | sort -u | wc -l)" 1
}

test_here_sleepers() {
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do sleep 0.3 & done
    wait
    is children "$(grep -c . /proc/$$/stat)" 1
}

# --- driver ----------------------------------------------------------------------------------------------------------

tests=$(sed -n 's/^\(test_[a-z0-9_]*\)() {$/\1/p' "$0" | sed 's/^test_//')
if [ "$1" = --list ]; then
    echo "$tests"
    exit 0
fi
if (: >&100) 2>/dev/null; then exec 7>&100; else exec 7>&1; fi
base=${TMPDIR:-/tmp}/applets.$$
mkdir -p "$base"
echo "begin shell" >&7
for name in ${*:-$tests}; do
    echo "start $name" >&7
    SCRATCH=$base/$name.meta
    mkdir -p "$base/$name" "$SCRATCH"
    : >"$SCRATCH/why"
    (cd "$base/$name" && "test_$name") </dev/null >"$SCRATCH/out" 2>&1
    status=$?
    if [ $status = 0 ]; then
        echo "ok $name" >&7
    else
        why=$(head -n 1 "$SCRATCH/why")
        echo "fail $name applets.sh ${why:-status $status: $(tail -n 1 "$SCRATCH/out")}" >&7
    fi
    rm -rf "$base/$name" "$SCRATCH"
done
rm -rf "$base"
echo "end shell" >&7
