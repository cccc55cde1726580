"""Histories in: files, chat exports, git repositories, the corpora, the sample; and how they are split."""
