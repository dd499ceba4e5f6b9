// What needs C++'s own library at run time: strings, containers, streams, exceptions.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

// Sorts the words of `text` into `sorted` and gives how many there are; -1 where there are none.
extern "C" int32_t sort_words(const char *text, char *sorted, size_t room) {
    try {
        std::istringstream stream{std::string(text)};
        std::vector<std::string> words;
        for (std::string word; stream >> word;) words.push_back(word);
        if (words.empty()) throw std::invalid_argument("no words");
        std::sort(words.begin(), words.end());
        std::string line;
        for (const auto &word : words) line += (line.empty() ? "" : " ") + word;
        if (line.size() >= room) throw std::length_error("no room");
        std::memcpy(sorted, line.c_str(), line.size() + 1);
        return static_cast<int32_t>(words.size());
    } catch (const std::invalid_argument &) {
        return -1;
    } catch (const std::exception &) {
        return -2;
    }
}
