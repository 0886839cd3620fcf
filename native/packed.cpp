#include "packed.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace netwright {
namespace {

// One column of a stripe: its index and its `block_rows` weights.
struct Column {
  std::uint16_t index;
  const std::int8_t* group;
  int slot;

  std::int8_t weight(int row) const { return group[4 * row + slot]; }
};

// The columns of a stripe that are not zero; `ordered` becomes false if they do not ascend.
std::vector<Column> columns_of(const Weights& weights, std::int64_t stripe, bool& ordered) {
  std::vector<Column> found;
  const int rows = weights.block_rows;
  for (std::int64_t g = weights.offsets[stripe]; g < weights.offsets[stripe + 1]; ++g) {
    for (int slot = 0; slot < 4; ++slot) {
      const Column column{weights.indices[4 * g + slot], weights.values + 4 * rows * g, slot};
      bool zero = true;
      for (int row = 0; row < rows; ++row) zero = zero && column.weight(row) == 0;
      if (zero) continue;
      if (!found.empty() && column.index <= found.back().index) ordered = false;
      found.push_back(column);
    }
  }
  return found;
}

// Append `width` columns row after row, missing ones as zeros: one after the other, or where they
// are in a run.
void append(const std::vector<Column>& columns, int rows, int width, bool in_place,
            std::vector<std::int8_t>& values) {
  const std::size_t begin = values.size();
  values.resize(begin + static_cast<std::size_t>(rows) * width, 0);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::size_t place = in_place ? columns[i].index % width : i;
    for (int row = 0; row < rows; ++row) {
      values[begin + static_cast<std::size_t>(row) * width + place] = columns[i].weight(row);
    }
  }
}

}  // namespace

void require(bool condition, const char* message) {
  if (!condition) throw std::invalid_argument(message);
}

PackedWeights::PackedWeights(int block_rows, std::int64_t columns,
                             std::vector<std::int32_t> offsets, std::vector<std::uint16_t> indices,
                             std::vector<std::int8_t> values)
    : block_rows_(block_rows),
      columns_(columns),
      offsets_(std::move(offsets)),
      indices_(std::move(indices)),
      values_(std::move(values)) {
  require(block_rows == 4 || block_rows == 8, "block_rows must be 4 or 8");
  require(!offsets_.empty() && offsets_.front() == 0, "offsets must start with 0");
  require(std::is_sorted(offsets_.begin(), offsets_.end()), "offsets must not decrease");
  const auto num_groups = static_cast<std::size_t>(offsets_.back());
  require(indices_.size() == 4 * num_groups, "indices must have 4 entries a group");
  require(values_.size() == 4 * num_groups * static_cast<std::size_t>(block_rows),
          "values must have 4 * block_rows entries a group");
  require(std::all_of(indices_.begin(), indices_.end(),
                      [&](std::uint16_t index) { return index < columns; }),
          "indices must be smaller than the number of columns");
}

Weights PackedWeights::groups() const {
  return {block_rows_,    4,       rows(),  columns_, offsets_.data(), indices_.data(),
          values_.data(), nullptr, nullptr, nullptr,  nullptr};
}

Weights PackedWeights::grouped(const Grouping& grouping) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  auto found = arranged_.find(grouping.width);
  if (found == arranged_.end()) {
    Lists lists = arrange(grouping.width, grouping.present);
    const auto uses = static_cast<std::int64_t>(lists.run_indices.size());
    if (uses < grouping.uses * (columns_ / grouping.width)) {
      lists = arrange(grouping.width, grouping.width + 1);
    }
    found = arranged_.emplace(grouping.width, std::move(lists)).first;
  }
  const Lists& lists = found->second;
  Weights weights{block_rows_,           grouping.width,        rows(),
                  columns_,              lists.offsets.data(),  lists.indices.data(),
                  lists.values.data(),   lists.counts.data(),   nullptr,
                  nullptr,               nullptr};
  if (!lists.run_indices.empty()) {
    weights.run_offsets = lists.run_offsets.data();
    weights.run_indices = lists.run_indices.data();
    weights.run_values = lists.run_values.data();
  }
  return weights;
}

PackedWeights::Lists PackedWeights::arrange(int width, int present) const {
  const Weights weights = groups();
  const auto wide = static_cast<std::size_t>(width);
  Lists lists;
  for (std::int64_t stripe = 0; stripe < num_stripes(); ++stripe) {
    bool ordered = true;
    const std::vector<Column> columns = columns_of(weights, stripe, ordered);
    std::vector<Column> rest;
    for (std::size_t i = 0; i < columns.size();) {
      std::size_t end = i + 1;
      const int run = columns[i].index / width;
      while (end < columns.size() && columns[end].index / width == run) ++end;
      const std::vector<Column> members(columns.begin() + i, columns.begin() + end);
      i = end;
      // A column that comes twice has no place of its own in a run.
      if (!ordered || members.size() < static_cast<std::size_t>(present) ||
          std::int64_t{width} * (run + 1) > columns_) {
        rest.insert(rest.end(), members.begin(), members.end());
        continue;
      }
      lists.run_indices.push_back(static_cast<std::uint16_t>(run));
      append(members, block_rows_, width, true, lists.run_values);
    }
    for (std::size_t i = 0; i < rest.size(); i += wide) {
      const std::size_t end = std::min(i + wide, rest.size());
      const std::vector<Column> members(rest.begin() + i, rest.begin() + end);
      for (std::size_t q = 0; q < wide; ++q) {
        lists.indices.push_back(members[std::min(q, members.size() - 1)].index);
      }
      lists.counts.push_back(static_cast<std::uint8_t>(members.size()));
      append(members, block_rows_, width, false, lists.values);
    }
    lists.offsets.push_back(static_cast<std::int32_t>(lists.indices.size() / wide));
    lists.run_offsets.push_back(static_cast<std::int32_t>(lists.run_indices.size()));
  }
  return lists;
}

std::int64_t PackedWeights::boundary(std::int64_t chunk, std::int64_t num_chunks) const {
  if (chunk == 0) return 0;
  if (chunk == num_chunks) return num_stripes();
  // A stripe costs its groups and, even without any, the store of its rows.
  const double cost = static_cast<double>(offsets_.back()) + 2.0 * num_stripes();
  const double target = cost * static_cast<double>(chunk) / static_cast<double>(num_chunks);
  std::int64_t low = 0;
  std::int64_t high = num_stripes();
  while (low < high) {
    const std::int64_t middle = (low + high) / 2;
    if (offsets_[middle] + 2.0 * middle < target) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

}  // namespace netwright
