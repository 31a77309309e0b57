# Every entry of the folder $1 with mode, owner and link target, and the sha256 of every file.
contents() {
    (cd "$1" && find . ! -path ./.contents -printf '%y %m %U:%G %p %l\n' | sort &&
        find . -type f ! -path ./.contents -exec sha256sum {} + | sort)
}
